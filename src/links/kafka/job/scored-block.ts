import type { FinishedRequest } from '../../../core/finished-request.ts';
import type { Json } from '../../../core/json.ts';
import type { LinkRecord } from '../../../core/link.ts';
import type { ModelIdentity } from '../../../core/model.ts';
import type { IntakePosition } from '../../../core/position.ts';
import type { Column } from '../../../core/schema.ts';
import type { DeadLetter, ScoredBatch, Tally } from '../../../core/scored-batch.ts';
import type { Statistics } from '../../../core/statistics.ts';
import { associationLines, associationsOfLines } from './association-lines.ts';
import type { Block } from './block.ts';
import { type BlockForm, bytesText, textBytes } from './block-form.ts';

/**
 * Scored rows of a job on their way to deliver; the columns are the output's, missing while no reply has shown them. Facts: `through`,
 * `tally`, `intakeBytes`, `badBytes`, `model`, `intake`, the columns of the intake, of a monitored job `statistics`, and from workers `requests`.
 * Letters: dead letters, and behind them so many lines of associations as the fact `associationLines` says.
 */
export const scoredForm: BlockForm<ScoredBatch> = {
  encode(sequence, batch): Block {
    const { through, tally, intakeBytes, badBytes, model, output, deadLetters, intake } = batch;
    const { statistics, associations, requests } = batch;
    const kept = associations === undefined ? [] : associationLines(associations);
    const lines = deadLetters.map((letter) =>
      JSON.stringify({ ...letter, envelope: undefined, bytes: bytesText(letter.bytes) }),
    );
    const facts = {
      through,
      tally,
      intakeBytes,
      badBytes,
      model,
      intake: intake.columns,
      ...(statistics === undefined ? {} : { statistics }),
      ...(kept.length === 0 ? {} : { associationLines: kept.length }),
      ...(requests === undefined || requests.length === 0 ? {} : { requests }),
    } as unknown as Readonly<Record<string, Json>>;
    return {
      facts: { ...facts, kind: 'scored', sequence },
      schema: output.schema,
      bytes: output.bytes,
      ends: output.ends,
      letters: [...lines, ...kept],
    };
  },
  decode({ facts, schema, bytes, ends, letters }): LinkRecord<ScoredBatch> {
    const deadLetters = letters.length - ((facts['associationLines'] as number | undefined) ?? 0);
    const value: ScoredBatch = {
      sequence: facts.sequence,
      through: facts['through'] as unknown as IntakePosition,
      intake: { columns: facts['intake'] as unknown as readonly Column[] },
      output: { schema, bytes, ends },
      tally: facts['tally'] as unknown as Tally,
      deadLetters: letters.slice(0, deadLetters).map((text) => {
        const { bytes: base64, ...letter } = JSON.parse(text) as Omit<DeadLetter, 'bytes'> & { readonly bytes: string };
        return { ...letter, bytes: textBytes(base64) };
      }),
      intakeBytes: facts['intakeBytes'] as number,
      badBytes: facts['badBytes'] as number,
      model: facts['model'] as unknown as ModelIdentity | null,
      statistics: facts['statistics'] as unknown as Statistics | undefined,
      associations: associationsOfLines(letters.slice(deadLetters)),
      requests: facts['requests'] as unknown as readonly FinishedRequest[] | undefined,
    };
    return { kind: 'batch', sequence: facts.sequence, value };
  },
  sizeOf: (batch) => batch.output.bytes.length,
  release: (batch) => batch.output.release?.(),
};
