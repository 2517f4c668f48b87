import type { Envelope } from './envelope.ts';
import type { FinishedRequest } from './finished-request.ts';
import type { ModelIdentity } from './model.ts';
import type { Observation } from './monitor.ts';
import type { IntakePosition } from './position.ts';
import type { Schema } from './schema.ts';

/** Counts of rows. `read = scored + failed + skipped`, always. */
export interface Tally {
  readonly read: number;
  readonly scored: number;
  /** Rows that the server could not score; each is a dead letter. */
  readonly failed: number;
  /** Records that never became rows (ragged ones, when they are skipped); each is a dead letter too. */
  readonly skipped: number;
}

export const EMPTY_TALLY: Tally = { read: 0, scored: 0, failed: 0, skipped: 0 };

export function addTally(a: Tally, b: Tally): Tally {
  return {
    read: a.read + b.read,
    scored: a.scored + b.scored,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
  };
}

/** How many rows an output has for those that were read: one for each that was a row. */
export function outputRows({ scored, failed }: Tally): number {
  return scored + failed;
}

/** A row that could not be scored: its coordinates, its cause and its bytes. One JSON line each in a dead letter file. */
export interface DeadLetter {
  readonly kind: 'failed' | 'skipped';
  readonly split: string;
  /** Index of the row in its split, from 0; null for a skipped record. */
  readonly row: number | null;
  /** 1-based line in the source, where it has lines; the offset, in a topic. */
  readonly line: number | null;
  readonly reason: string;
  /** Requests that held the row; 0 for a skipped record. */
  readonly attempts: number;
  /** The row as canonical CSV without its LF (a skipped record as it stood), at most 64 KiB. */
  readonly bytes: Uint8Array;
  /** Index among the output rows of its batch, from 0: its row there has blank predictions. A skipped record has none. */
  readonly index?: number;
  /** The message that it came in, where it came in one. */
  readonly envelope?: Envelope | undefined;
}

/** A dead letter as an output keeps it. */
export interface KeptLetter extends Omit<DeadLetter, 'index' | 'envelope'> {
  /** The row of the output that it belongs to, from 0; null where it has none, or is found by other means. */
  readonly output: number | null;
}

/** Output rows as canonical CSV. `schema` is null while no reply has shown the prediction columns. */
export interface OutputRows {
  readonly schema: Schema | null;
  readonly bytes: Uint8Array;
  /** Offset just past each record. */
  readonly ends: Uint32Array;
  /**
   * May be called, at most once, by a sink that has copied or written `bytes`: their memory is used again. Nobody reads them after
   * `Sink.write` but the sink itself.
   */
  readonly release?: () => void;
}

/**
 * What becomes durable in one step: the output rows of one batch with all that belongs to it. Written by the score
 * stage, carried by the scored link, made durable by deliver through the sink.
 */
export interface ScoredBatch extends Observation {
  /** Place in the job's order, from 0, without gaps. */
  readonly sequence: number;
  /** Where the intake continues once this batch and all before it are durable. */
  readonly through: IntakePosition;
  /** The columns of the rows that were scored: what an output format is made for. */
  readonly intake: Schema;
  /** One row per row that was read, failed ones included. */
  readonly output: OutputRows;
  /** The message that each output row came in, where rows come in messages. */
  readonly envelopes?: readonly Envelope[] | undefined;
  readonly tally: Tally;
  readonly deadLetters: readonly DeadLetter[];
  /** Bytes of canonical CSV read for this batch, and how many of them were of bad rows (abortOnError counts them). */
  readonly intakeBytes: number;
  readonly badBytes: number;
  readonly model: ModelIdentity | null;
  /**
   * Requests that have ended in a process other than the one that delivers, up to this batch; those of any batch. For figures: a batch that comes
   * twice may bring them twice.
   */
  readonly requests?: readonly FinishedRequest[] | undefined;
}
