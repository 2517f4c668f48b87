import { Command } from 'commander';
import { verifyOutput } from '../../../connectors/file/verify.ts';
import { SluiceError } from '../../core/error.ts';
import { count } from '../progress-text.ts';

/** `sluice verify OUT`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Checks a finished output against its manifest: size, SHA-256, columns, rows, dead letters.')
    .argument('<output>', 'the output of a run')
    .addHelpText('after', '\nExample:\n  sluice verify scored.csv\n\nExit codes: 0 the output is whole, 3 it is not.')
    .action(async (output: string) => {
      const report = await verifyOutput(output);
      if (report.problems.length > 0 || report.manifest === null) {
        throw new SluiceError('VERIFY_FAILED', report.problems.join('\n  '));
      }
      const { tally, model } = report.manifest;
      const by = model === null ? '' : `, model ${model.id}`;
      process.stdout.write(
        `${output}: whole. ${count(tally.scored)} rows scored, ${count(tally.failed)} failed, ${count(tally.skipped)} skipped${by}\n`,
      );
    });
}
