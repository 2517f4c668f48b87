import type { Clock } from '../../../core/clock.ts';

/** How often a reader looks for what another process may have written, in milliseconds. */
const LOOK_MS = 250;

/**
 * Lets those who wait for more of a file of this process know at once, and those who wait for that of another process look from
 * time to time.
 */
export class Growth {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has grown, or ended. */
  tell(): void {
    for (const wake of this.#waiting) wake();
  }

  /** Until something has grown, or it is time to look. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const told = new AbortController();
    const wake = (): void => told.abort();
    this.#waiting.add(wake);
    try {
      await this.#clock.sleep(LOOK_MS, AbortSignal.any([signal, told.signal])).catch(() => undefined);
    } finally {
      this.#waiting.delete(wake);
    }
    signal.throwIfAborted();
  }
}
