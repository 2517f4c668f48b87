import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { systemClock } from '../../src/core/clock.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { JobInput } from '../../src/index.ts';
import { type JobDescription, resolveJob } from '../../src/jobs/description/parse-job.ts';
import { jobIdentity } from '../../src/jobs/job-identity.ts';
import { type LiveParts, liveParts } from '../../src/jobs/live/live-parts.ts';
import { sqlParts } from '../../src/jobs/live/sql-parts.ts';
import { outputSettingsOf } from '../../src/jobs/scoring-settings.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { OutputFormatSlot } from '../../src/stages/output-format-slot.ts';
import { createPartsWriter } from '../../src/stages/parts-writer.ts';
import { scoredBatch } from '../../src/stages/score.ts';
import { arithmeticScorer } from './arithmetic-scorer.ts';

const never = new AbortController().signal;

/** Which offsets are in a part, and which of them cannot be scored. */
export interface PartsPlan {
  readonly partitions: number;
  /** Of each partition. */
  readonly parts: number;
  readonly rows: number;
  readonly isBad: (id: number, part: number) => boolean;
  /** The topic; `in` where it is left out. */
  readonly topic?: string;
  /** The fields `id` and `text` of the row at an offset; the offset itself and a text of it where it is left out. */
  readonly row?: (offset: number) => readonly [id: number, text: string];
}

/** Where the parts of a live job go, as it opens them itself. */
export function partsOf(job: JobDescription): LiveParts {
  const { outputSettings: output } = job;
  if (output.type === 'jdbc') return sqlParts(job, output, systemClock);
  if (output.type === 'localFile' || output.type === 's3') return liveParts(job, output, systemClock);
  throw new Error(`${output.type} has no parts`);
}

/** Writes parts as a live job does, with bad rows in all of them; the prediction of a row is twice its id. */
export async function writeParts(
  input: JobInput,
  { partitions, parts: each, rows, isBad, topic = 'in', row }: PartsPlan,
): Promise<void> {
  const job = resolveJob(input);
  const format = new OutputFormatSlot((intake) => createOutputFormat(outputSettingsOf(job), intake));
  await using parts = partsOf(job);
  const writer = createPartsWriter({
    ...parts,
    splitOf: (partition) => `${topic}/${partition}`,
    job: jobIdentity(job, { group: 'scorers' }),
    format,
    roll: { rows, bytes: 1e9, ms: 1e9 },
    commits: { everyMs: 1e9, everyBytes: 1e9 },
    clock: systemClock,
  });
  for (let partition = 0; partition < partitions; partition += 1) {
    await writer.begin(partition, 0, never);
    for (let part = 0; part < each; part += 1) {
      const from = part * rows;
      const scorer = arithmeticScorer({ bad: (id) => isBad(id, part) });
      const records = Array.from({ length: rows }, (_, i) => row?.(from + i) ?? [from + i, `text ${from + i}`]);
      const { bytes, ends } = encodeRecords(records);
      const origin = {
        split: `${topic}/${partition}`,
        firstRow: from,
        after: from,
        position: from + rows,
        rejected: [],
      };
      const batch = RowBatch.fromCsv(schemaOf(['id', 'text']), origin, bytes, ends);
      const scores = await scorer.score(batch, never);
      const value = scoredBatch(from, batch, scores, format.for(batch.schema).render(batch, scores));
      await writer.append(partition, { kind: 'batch', sequence: from, value }, never);
    }
    await writer.end(partition, never);
  }
}
