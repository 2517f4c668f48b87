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
  /** So many of the last rows are looked at by themselves, once this run has had as many; null: none are. */
  readonly windowRows: number | null;
  /** Share of bad rows among those, 0..1; more than this aborts. */
  readonly windowShare: number;
}

/**
 * Counts bad rows in the order of the job, so that the same intake is aborted at the same row on every run. The
 * default limits of the whole job are those that DataRobot's users know: 20 % or 100 MB. The window is for long jobs: a
 * million bad rows behind ninety-nine million good ones are 1 %, and each of them takes a search of its own.
 */
export class FailureBudget {
  readonly #limits: FailureLimits;
  readonly #window: { readonly read: number; readonly bad: number }[] = [];
  #windowRead = 0;
  #windowBad = 0;
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
    this.#checkWindow(batch, tally);
  }

  /** The same at the end of the job, however few rows it had. */
  checkEnd(tally: Tally): void {
    this.#checkShare(tally);
  }

  #checkShare(tally: Tally): void {
    const { abortOnError, maxShare } = this.#limits;
    if (!abortOnError || badOf(tally) <= maxShare * tally.read) return;
    this.#fail(tally, `more than deadLetters.maxShare (${percent(maxShare)})`);
  }

  /** By whole batches: the fewest of the last ones that hold `windowRows` together. */
  #checkWindow({ tally: own, deadLetters }: ScoredBatch, tally: Tally): void {
    const { abortOnError, windowRows, windowShare } = this.#limits;
    if (!abortOnError || windowRows === null) return;
    this.#window.push({ read: own.read, bad: badOf(own) });
    this.#windowRead += own.read;
    this.#windowBad += badOf(own);
    for (let first = this.#window[0]!; this.#windowRead - first.read >= windowRows; first = this.#window[0]!) {
      this.#window.shift();
      this.#windowRead -= first.read;
      this.#windowBad -= first.bad;
    }
    if (this.#windowRead < windowRows || this.#windowBad <= windowShare * this.#windowRead) return;
    const limit = `${this.#windowBad} of the last ${this.#windowRead}: more than deadLetters.windowShare (${percent(windowShare)})`;
    this.#fail(tally, limit, deadLetters[0]?.reason);
  }

  #fail(tally: Tally, limit: string, last?: string): never {
    const first = this.#firstReason === '' ? '' : ` The first: ${this.#firstReason}`;
    const reason = last === undefined || last === this.#firstReason ? first : `${first} One of the last: ${last}`;
    throw new SluiceError(
      'TOO_MANY_FAILURES',
      `${badOf(tally)} of ${tally.read} rows are bad, ${limit}. Correct them, raise the limit, or set abortOnError: false and run again.${reason}`,
    );
  }
}

function badOf({ failed, skipped }: Tally): number {
  return failed + skipped;
}

function percent(share: number): string {
  return `${share * 100} %`;
}
