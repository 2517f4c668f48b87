import type { Clock } from '../../src/core/clock.ts';

interface Sleeper {
  readonly due: number;
  readonly wake: () => void;
}

/** A clock that stands still until it is advanced. Its randomness is a fixed number, 0.5 unless changed. */
export class ManualClock implements Clock {
  /** Every duration that somebody slept for, in milliseconds, in order. */
  readonly slept: number[] = [];
  /** What `random` gives. */
  luck = 0.5;
  readonly #wallStart: number;
  readonly #sleepers = new Set<Sleeper>();
  readonly #watchers = new Set<() => void>();
  #now = 0;

  /** @param wallStart milliseconds since 1970 at the start. */
  constructor(wallStart = Date.UTC(2026, 0, 1)) {
    this.#wallStart = wallStart;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#wallStart + this.#now;
  }

  random(): number {
    return this.luck;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = (): void => {
        this.#sleepers.delete(sleeper);
        reject(signal.reason);
      };
      const sleeper: Sleeper = {
        due: this.#now + ms,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal.removeEventListener('abort', stop);
          resolve();
        },
      };
      signal.addEventListener('abort', stop, { once: true });
      this.slept.push(ms);
      this.#sleepers.add(sleeper);
      for (const watcher of this.#watchers) watcher();
    });
  }

  /** How many sleep now. */
  get sleepers(): number {
    return this.#sleepers.size;
  }

  /** Resolves when at least `count` sleep. */
  async asleep(count = 1): Promise<void> {
    while (this.#sleepers.size < count) {
      await new Promise<void>((resolve) => {
        const watcher = (): void => {
          this.#watchers.delete(watcher);
          resolve();
        };
        this.#watchers.add(watcher);
      });
    }
  }

  /** Moves the time on and wakes whom it reaches. */
  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of [...this.#sleepers].toSorted((a, b) => a.due - b.due)) {
      if (sleeper.due <= this.#now) sleeper.wake();
    }
  }

  /** Lets every sleep end as soon as it begins, moving the time on by it, until the returned function is called. */
  autoAdvance(): () => void {
    const wake = (): void => {
      queueMicrotask(() => {
        const next = Math.min(...[...this.#sleepers].map((sleeper) => sleeper.due));
        if (Number.isFinite(next)) this.advance(Math.max(0, next - this.#now));
      });
    };
    this.#watchers.add(wake);
    wake();
    return () => this.#watchers.delete(wake);
  }
}
