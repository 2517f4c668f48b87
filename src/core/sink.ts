import type { JobIdentity, Ledger, Manifest } from './ledger.ts';
import type { Schema } from './schema.ts';
import type { ScoredBatch } from './scored-batch.ts';

/** What a sink promises after any crash and continuation; the acceptance kit proves it. */
export type Guarantee = 'exactly-once' | 'at-least-once' | 'none';

/** Totals and facts that the engine gives at the end; the sink adds what it holds and makes the manifest of it. */
export type ManifestFacts = Omit<Manifest, 'objects' | 'columns'>;

/**
 * Writes an output. Made for one run of one job; the deliver stage calls its methods one at a time, in this order:
 * `open`, then `write` and `commit` in any mix, then `publish` or nothing, then `close`.
 */
export interface Sink extends AsyncDisposable {
  readonly guarantee: Guarantee;
  /**
   * Takes the output for this run and says what it holds durably: the ledger of an interrupted run of the same job, or
   * null for a fresh start. Anything written past that ledger is gone when this returns. Refuses another job's output
   * (LEDGER_OTHER_JOB), a finished one (OUTPUT_EXISTS) and one that is being written (OUTPUT_LOCKED).
   */
  open(job: JobIdentity, signal: AbortSignal): Promise<Ledger | null>;
  /**
   * Accepts a batch; sequences come in order, without gaps, from the ledger's on. The batch's output has the schema of
   * `schema`, the same for every call. Accepted is not durable. Waits while the output cannot take more.
   */
  write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void>;
  /**
   * Makes what was accepted durable, rows, dead letters and ledger in one step, and returns the ledger as it is then.
   * A sink that can only commit at certain places (the end of a compressed block) returns the last one it has.
   */
  commit(signal: AbortSignal): Promise<Ledger>;
  /**
   * Makes the rest durable and the output visible under its own name, all or nothing. Called once, after the last write.
   * A crash within leaves a state that the next `open` of the same job completes.
   * @param schema the output's columns, for an output without rows.
   */
  publish(facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<Manifest>;
  /**
   * Whether the output could be written now: rejects with what is wrong (no such place, no right to write, a table that lacks a
   * column, a finished output) in words of its own and what to do. Leaves nothing behind. Instead of the other methods, before `close`.
   */
  check(signal: AbortSignal): Promise<void>;
  /** Removes what the run left: nothing that could be taken for an output remains. Instead of `publish`. */
  discard(): Promise<void>;
  /** Gives the output free; what is durable stays, for a continuation. Called once, last, also after a failure. */
  close(): Promise<void>;
}
