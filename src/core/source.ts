import type { BatchLimits } from './batch-limits.ts';
import type { Json } from './json.ts';
import type { Position } from './position.ts';
import type { RowBatch } from './row-batch.ts';

/** A part of an intake that can be read by itself: a file, an object, a row group, a key range. */
export interface Split {
  /** Unique within the intake and the same on every run over an unchanged intake. */
  readonly id: string;
  /** The object that it is a part of, where it is not the whole of it and named by `id`. */
  readonly object?: string;
  /** Bytes to read, for progress; null when nobody knows. */
  readonly bytes: number | null;
}

/**
 * Reads an intake. Made for one run of one job; its methods are called by the ingest stage only, one at a time.
 */
export interface Source extends AsyncDisposable {
  /**
   * What the intake is and in which state (names, sizes, times, digests): JSON that is equal on a later run exactly if
   * the same rows would be read. Called once, first. A source that cannot be read again (stdin) gives null.
   */
  identity(signal: AbortSignal): Promise<Json>;
  /** The splits in the order of the job's rows; same on every run over an unchanged intake. Called once, after `identity`. */
  splits(signal: AbortSignal): Promise<readonly Split[]>;
  /**
   * The rows of a split behind `after` (null: from its start), cut into batches by `limits`, which is looked at anew for
   * each. Each batch starts where the one before it ended (`origin.after`), the engine asserts it; cutting by rows and
   * bytes gives the same batches on every run. A split with no rows left yields nothing, or one batch without rows
   * that carries the rejected records of its tail. Returning early (`break`) frees what the read holds.
   */
  read(split: Split, after: Position | null, limits: BatchLimits, signal: AbortSignal): AsyncIterable<RowBatch>;
  /**
   * Whether the intake can be read now: rejects with what is wrong (no such place, no right to read, no such object, table or
   * version) in words of its own and what to do. Reads as little as it can, changes nothing. Instead of the other methods, before `close`.
   */
  check(signal: AbortSignal): Promise<void>;
  /** How much of a split has been read so far, in the unit of `Split.bytes`; for progress only. */
  readonly bytesRead: number;
  /** The job is finished, its output published: forgets what the source kept outside for a continuation. At most once. */
  finished?(signal: AbortSignal): Promise<void>;
  /** Frees everything. Called once, after the last read has ended. */
  close(): Promise<void>;
}
