import type { Clock } from '../../src/sdk.ts';
import { mayPass } from './http-fault.ts';
import type { HttpSettings } from './http-settings.ts';

/** Waits between attempts double from here to there, in milliseconds; each is drawn from its upper half. */
const WAIT = { first: 100, longest: 10_000 };

/** How long one piece of work goes on in spite of failures: while there is progress, and then for the budget of time. */
export class Patience {
  readonly #settings: HttpSettings;
  readonly #clock: Clock;
  /** Whether the server has ever answered: one that has not is given less time. */
  readonly #known: () => boolean;
  #failingSince: number | null = null;
  #attempts = 0;

  constructor(settings: HttpSettings, clock: Clock, known: () => boolean) {
    this.#settings = settings;
    this.#clock = clock;
    this.#known = known;
  }

  /** Something came about: the time starts anew. */
  progressed(): void {
    this.#failingSince = null;
    this.#attempts = 0;
  }

  /**
   * Waits before the next attempt: as long as the server asks for, or twice as long as the time before. Throws the error when it is
   * not one that may pass, or when the time is over; on abort the signal's reason.
   */
  async outlast(error: unknown, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!mayPass(error)) throw error;
    const clock = this.#clock;
    this.#failingSince ??= clock.now();
    const budget = this.#known() ? this.#settings.retryMs : this.#settings.connectMs;
    const left = budget - (clock.now() - this.#failingSince);
    if (left <= 0) throw error;
    const backoff = Math.min(WAIT.longest, WAIT.first * 2 ** this.#attempts) * (0.5 + clock.random() / 2);
    // What the server asks for is a least; the jitter keeps several from coming back all at once.
    const wish = error.waitMs === undefined ? backoff : error.waitMs * (1 + clock.random() / 4);
    this.#attempts += 1;
    await clock.sleep(Math.min(wish, left), signal);
  }
}
