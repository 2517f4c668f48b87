import { SluiceError } from '../core/error.ts';
import type { ScoredBatch, Tally } from '../core/scored-batch.ts';

/** When a job with `abortOnError` ends because too many of its rows are bad. */
export interface FailureLimits {
  /** False: never. */
  readonly abortOnError: boolean;
  /** Share of bad rows among those read, 0..1; more than this aborts. */
  readonly maxShare: number;
  /** Bytes of bad rows; more than this aborts. */
  readonly maxBytes: number;
  /** The share is looked at from this many rows on, and at the end of the job. */
  readonly minRows: number;
}

/**
 * Counts bad rows in the order of the job, so that the same intake is aborted at the same row on every run. The
 * default limits are those that DataRobot's users know: 20 % or 100 MB.
 */
export class FailureBudget {
  readonly #limits: FailureLimits;
  #firstReason = '';

  constructor(limits: FailureLimits) {
    this.#limits = limits;
  }

  /** Throws TOO_MANY_FAILURES when the limits are passed. `tally` and `badBytes` include the batch. */
  check(batch: ScoredBatch, tally: Tally, badBytes: number): void {
    this.#firstReason ||= batch.deadLetters[0]?.reason ?? '';
    if (tally.read >= this.#limits.minRows) this.#checkShare(tally);
    if (this.#limits.abortOnError && badBytes > this.#limits.maxBytes) {
      this.#fail(tally, `${badBytes} bytes of bad rows, more than deadLetters.maxBytes (${this.#limits.maxBytes})`);
    }
  }

  /** The same at the end of the job, however few rows it had. */
  checkEnd(tally: Tally): void {
    this.#checkShare(tally);
  }

  #checkShare(tally: Tally): void {
    const { abortOnError, maxShare } = this.#limits;
    const bad = tally.failed + tally.skipped;
    if (!abortOnError || bad <= maxShare * tally.read) return;
    this.#fail(tally, `more than deadLetters.maxShare (${maxShare * 100} %)`);
  }

  #fail(tally: Tally, limit: string): never {
    const reason = this.#firstReason === '' ? '' : ` The first: ${this.#firstReason}`;
    throw new SluiceError(
      'TOO_MANY_FAILURES',
      `${tally.failed + tally.skipped} of ${tally.read} rows are bad, ${limit}. Correct them, raise the limit, or set abortOnError: false and run again.${reason}`,
    );
  }
}
