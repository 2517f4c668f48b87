import { Command } from 'commander';
import { SluiceError } from '../../core/error.ts';
import type { StoreAccess } from '../../jobs/named-store.ts';
import { verifyNamedOutput } from '../../jobs/verify-named-output.ts';
import { count } from '../progress-text.ts';
import { endpointOption, regionOption } from '../store-options.ts';

/** `sluice verify OUT`. */
export function verifyCommand(): Command {
  return new Command('verify')
    .description('Checks a finished output against its manifest: size, checksum, columns, rows, dead letters.')
    .argument('<output>', 'the output of a run: a file or an s3:// address')
    .option(...endpointOption)
    .option(...regionOption)
    .addHelpText(
      'after',
      '\nExamples:\n  sluice verify scored.csv\n  sluice verify s3://bucket/scored.csv --region eu-west-1\n\nExit codes: 0 the output is whole, 3 it is not.',
    )
    .action(async (output: string, access: StoreAccess) => {
      const report = await verifyNamedOutput(output, access);
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
