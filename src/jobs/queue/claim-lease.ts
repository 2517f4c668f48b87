import type { Clock } from '../../core/clock.ts';
import { LEASE_MS } from './job-turns.ts';

/** How often a claim is renewed. */
export const BEAT_MS = 1_000;
/** One that could not be renewed for so long is let go, while it is not yet void for others. */
const HELD_MS = LEASE_MS - 2 * BEAT_MS;

/** How long a process may rely on a claim of its own, by its own clock. */
export class ClaimLease {
  readonly #clock: Pick<Clock, 'now' | 'sleep'>;
  /** What others see of the claim may be as old as that. */
  #renewed: number;

  /** The claim was just made. */
  constructor(clock: Pick<Clock, 'now' | 'sleep'>) {
    this.#clock = clock;
    this.#renewed = clock.now();
  }

  /** @param asked when the store was asked, which has answered since. */
  renewed(asked: number): void {
    this.#renewed = asked;
  }

  /**
   * Lets go of a claim that was not renewed in time, whether the store refuses or does not answer at all: somebody else may take it over soon, and
   * what this process still did could only be in his way. @param done nothing is done under it any more.
   */
  async letGoInTime(letGo: () => void, done: AbortSignal): Promise<void> {
    while (!done.aborted) {
      const left = this.#renewed + HELD_MS - this.#clock.now();
      if (left <= 0) return letGo();
      await this.#clock.sleep(left, done).catch(() => undefined);
    }
  }
}
