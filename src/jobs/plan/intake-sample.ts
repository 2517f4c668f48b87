import type { Clock } from '../../core/clock.ts';
import type { Json } from '../../core/json.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Source, Split } from '../../core/source.ts';
import { BatchSizing } from '../batch-sizing.ts';
import type { JobDescription } from '../description/parse-job.ts';

/** The first rows of an intake, and what is known of the rest. */
export interface IntakeSample {
  readonly identity: Json;
  readonly splits: readonly Split[];
  readonly batches: readonly RowBatch[];
  readonly rows: number;
  /** Of the rows as canonical CSV: what requests carry. */
  readonly csvBytes: number;
  /** Records that are no rows, of those that were seen. */
  readonly rejected: number;
  /** Whether the whole intake was read. */
  readonly isWhole: boolean;
  readonly milliseconds: number;
}

/** How much is read. */
export interface SampleLimits {
  readonly rows: number;
  readonly bytes: number;
}

/** Reads the beginning of an intake, and the beginnings of some of its splits, as their rows may differ. */
export async function sampleIntake(
  source: Source,
  job: JobDescription,
  limits: SampleLimits,
  clock: Clock,
  signal: AbortSignal,
): Promise<IntakeSample> {
  const identity = await source.identity(signal);
  const splits = await source.splits(signal);
  const sizing = new BatchSizing(job);
  // Small batches, so that the sample ends near its limit whatever the size of a request.
  const cut = {
    rows: Math.max(1, Math.min(sizing.rows, 100)),
    bytes: Math.min(sizing.bytes, 64 * 1024),
    lingerMs: Number.POSITIVE_INFINITY,
  };
  const chosen = spread(splits, 8);
  const started = clock.now();
  const batches: RowBatch[] = [];
  let [rows, csvBytes, rejected, ended] = [0, 0, 0, 0];
  for (const [index, split] of chosen.entries()) {
    const share = (index + 1) / chosen.length;
    let isCut = false;
    for await (const batch of source.read(split, null, cut, signal)) {
      batches.push(batch);
      rows += batch.rows;
      csvBytes += batch.bytes.length;
      rejected += batch.origin.rejected.length;
      isCut = rows >= limits.rows * share || csvBytes >= limits.bytes * share;
      if (isCut) break;
    }
    if (!isCut) ended += 1;
  }
  const isWhole = ended === splits.length;
  return {
    identity,
    splits,
    batches,
    rows,
    csvBytes,
    rejected,
    isWhole,
    milliseconds: clock.now() - started,
  };
}

function spread<T>(all: readonly T[], most: number): readonly T[] {
  if (all.length <= most) return all;
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)]!);
}
