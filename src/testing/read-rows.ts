import type { BatchLimits } from '../core/batch-limits.ts';
import type { Position } from '../core/position.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Source } from '../core/source.ts';

/** Where a read of a whole intake goes on. */
export interface IntakePlace {
  readonly split: string;
  readonly after: Position;
}

/** All batches of an intake behind a place, its splits one after the other. */
export async function* readIntake(
  source: Source,
  from: IntakePlace | null,
  limits: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  await source.identity(signal);
  const splits = await source.splits(signal);
  const at = from === null ? 0 : splits.findIndex(({ id }) => id === from.split);
  for (const [index, split] of splits.slice(at).entries())
    yield* source.read(split, index === 0 ? (from?.after ?? null) : null, limits, signal);
}

/** The rows of a batch, a text or null for each field. */
export function textsOf(batch: RowBatch): (string | null)[][] {
  return batch.records().map((record) => record.map((value) => (value === null ? null : String(value))));
}
