import { type Clock, systemClock } from '../../src/core/clock.ts';

/** A clock by which waits between attempts end at once, and are noted; waits for the other side last as they should. */
export class HurriedClock implements Clock {
  /** Waits that ended at once, in milliseconds. */
  readonly slept: number[] = [];
  readonly #patienceMs: ReadonlySet<number>;
  #ahead = 0;

  /** @param patienceMs the waits that last. */
  constructor(patienceMs: readonly number[] = [30_000, 300_000, 1_000]) {
    this.#patienceMs = new Set(patienceMs);
  }

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  wall(): number {
    return systemClock.wall();
  }

  random(): number {
    return 0;
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#patienceMs.has(ms)) {
      await systemClock.sleep(ms, signal);
      return;
    }
    signal.throwIfAborted();
    this.slept.push(ms);
    this.#ahead += ms;
  }
}
