import type { ValueCounts } from '../core/statistics.ts';
import { ValueTally } from './value-tally.ts';

const REASON_CHARACTERS = 160;

/** Counts why rows were not scored. What differs from row to row is mostly a number: causes are counted without it. */
export class RefusalTally {
  readonly #reasons = new ValueTally(REASON_CHARACTERS);

  add(reason: string): void {
    this.#reasons.addText(reason.replaceAll(/\d+/g, '#'));
  }

  /** What was counted, and begins anew. */
  take(): ValueCounts {
    return this.#reasons.take();
  }
}
