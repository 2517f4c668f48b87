import type { Manifest } from '../core/ledger.ts';
import type { DeadLetter } from '../core/scored-batch.ts';

/** A dead letter as it can be read from an output: its bytes as text. */
export type PublishedLetter = Omit<DeadLetter, 'bytes' | 'index'> & {
  readonly bytes: string;
  /** The row of the output that it belongs to, from 0; left out by outputs that do not keep it. */
  readonly output?: number | null;
};

/** What a reader finds under the name of an output. */
export interface PublishedOutput {
  readonly columns: readonly string[];
  /** A text or null for each field; the decoded canonical CSV of what was written. */
  readonly records: readonly (readonly (string | null)[])[];
  readonly deadLetters: readonly PublishedLetter[];
  readonly manifest: Manifest;
}
