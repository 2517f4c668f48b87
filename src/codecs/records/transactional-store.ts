import type { Json } from '../../core/json.ts';
import type { ManifestObject } from '../../core/ledger.ts';

/** What a store of records keeps apart: scored rows, and rows that could not be scored. */
export type LineRole = ManifestObject['role'];

/** What is appended to an output in one step. */
export interface StoredLines {
  /** Canonical CSV records (RFC 4180), without their LF. */
  readonly rows: readonly string[];
  /** JSON objects. */
  readonly deadLetters: readonly string[];
}

/**
 * A system with transactions (a database, a key-value store) as `createTransactionalSink` needs it. Methods are called one at a time.
 * There is at most one run under way, which nobody sees, and one finished output, which everybody sees.
 */
export interface TransactionalStore {
  /** For messages: where the output is, without secrets. */
  readonly name: string;
  /**
   * Takes the output, so that no other process takes it until `close` or the end of this one (OUTPUT_LOCKED). Gives the note of the last
   * `append` of a run under way, null when there is none, and whether there is a finished output.
   */
  take(signal: AbortSignal): Promise<{ readonly note: Json; readonly isFinished: boolean }>;
  /** Appends to the run under way, and replaces its note, in one transaction. */
  append(lines: StoredLines, note: Json, signal: AbortSignal): Promise<void>;
  /** All lines of the run under way, in the order of their coming. */
  lines(role: LineRole, signal: AbortSignal): Iterable<string> | AsyncIterable<string>;
  /** Makes the run under way the finished output, with its manifest, in place of one that is there, in one transaction. */
  publish(manifest: Json, signal: AbortSignal): Promise<void>;
  /** Removes the run under way. */
  forget(): Promise<void>;
  /** Rejects with what would keep the output from being written; changes nothing. Gives whether there is a finished one. */
  check(signal: AbortSignal): Promise<{ readonly isFinished: boolean }>;
  /** Gives the output free. What was appended stays. Called once, also when `take` or `check` has failed. */
  close(): Promise<void>;
}
