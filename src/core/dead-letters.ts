import type { KeptLetter } from './scored-batch.ts';

/** Finds the rows that an output keeps because they could not be scored. Changes nothing. */
export interface DeadLetterReader {
  /** The output, for people. */
  readonly name: string;
  /**
   * The letters, in the order of the output; of one that is not finished, those that are durable so far. Throws INTAKE_NOT_FOUND when
   * there is no such output, and what the store or database says.
   */
  read(signal: AbortSignal): AsyncIterable<KeptLetter>;
}
