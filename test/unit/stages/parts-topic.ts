import { RowBatch } from '../../../src/core/row-batch.ts';
import { type Schema, schemaOf } from '../../../src/core/schema.ts';
import type { ScoredBatch } from '../../../src/core/scored-batch.ts';
import { createOutputFormat } from '../../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../../src/scoring/output/output-settings.ts';
import { OutputFormatSlot } from '../../../src/stages/output-format-slot.ts';
import { scoredBatch } from '../../../src/stages/score.ts';
import { arithmeticScorer } from '../../support/arithmetic-scorer.ts';

/** A partition of a topic: what stands at each offset. */
export interface Topic {
  readonly end: number;
  /** Offsets without a message (a transaction's marker, a compacted message). */
  readonly isGap: (offset: number) => boolean;
  /** Messages that are no rows. */
  readonly isUnreadable: (offset: number) => boolean;
  /** Rows that cannot be scored. */
  readonly isBad: (offset: number) => boolean;
  /** Offsets at which the columns of the messages change. */
  readonly changes: readonly number[];
}

export const plainTopic: Topic = {
  end: 1_000_000,
  isGap: () => false,
  isUnreadable: () => false,
  isBad: () => false,
  changes: [],
};

const { signal } = new AbortController();
const schemas = new Map<number, Schema>();

/** The intake's columns at an offset: `id`, and one that tells how often they changed. */
function intakeAt(topic: Topic, offset: number): Schema {
  const generation = topic.changes.filter((change) => change <= offset).length;
  const schema = schemas.get(generation) ?? schemaOf(['id', `extra_${generation}`]);
  schemas.set(generation, schema);
  return schema;
}

/** The formats of one run over such a topic: the doubled offset, then the intake columns that are copied, else all of them. */
export function topicFormats(copied?: readonly string[]): OutputFormatSlot {
  const passthrough = copied === undefined ? { passthroughColumnsSet: 'all' as const } : { passthroughColumns: copied };
  return new OutputFormatSlot((intake) => createOutputFormat({ ...defaultOutputSettings, ...passthrough }, intake));
}

/** The line that the output must have for an offset; null where there is no row. */
export function lineAt(topic: Topic, offset: number): string | null {
  if (topic.isGap(offset) || topic.isUnreadable(offset)) return null;
  return `${topic.isBad(offset) ? '' : 2 * offset},${offset},x`;
}

/** At most `rows` offsets from `from` on, read and scored as one batch; it ends before the columns change. */
export async function topicBatch(
  topic: Topic,
  from: number,
  rows: number,
  formats: OutputFormatSlot,
): Promise<ScoredBatch> {
  const change = topic.changes.find((at) => at > from) ?? topic.end;
  const through = Math.min(from + rows, topic.end, change);
  const offsets = Array.from({ length: through - from }, (_, i) => from + i).filter((offset) => !topic.isGap(offset));
  const ids = offsets.filter((offset) => !topic.isUnreadable(offset));
  // A reader that has not seen a row yet knows no columns.
  const batch = RowBatch.fromRecords(
    ids.length === 0 ? schemaOf([]) : intakeAt(topic, from),
    {
      split: 'topic/0',
      firstRow: 0,
      lines: Float64Array.from(ids),
      after: from,
      position: through,
      rejected: offsets
        .filter(topic.isUnreadable)
        .map((line) => ({ line, bytes: new Uint8Array(3), reason: 'no row at all' })),
    },
    ids.map((id) => [String(id), 'x']),
  );
  // Where messages have gaps, a batch begins at the first that there is.
  const first = offsets[0] ?? from;
  if (ids.length === 0) {
    const nothing = { bytes: new Uint8Array(0), ends: new Uint32Array(0) };
    const scores = { rows: 0, columns: [], failures: [], model: null, ...nothing };
    return scoredBatch(first, batch, scores, { schema: null, ...nothing });
  }
  const scores = await arithmeticScorer({ bad: topic.isBad }).score(batch, signal);
  return scoredBatch(first, batch, scores, formats.for(batch.schema).render(batch, scores));
}
