import type { Clock } from '../../src/core/clock.ts';
import { seededRandom } from './memory-kafka/seeded-random.ts';

interface Sleeper {
  readonly due: number;
  /** Who slept first wakes first. */
  readonly order: number;
  readonly wake: () => void;
}

/**
 * A clock of its own time, for simulations: it jumps to whatever is due next as soon as nothing else can happen. Hours of it take seconds.
 * Its randomness is that of a seed, so a simulation goes the same way every time.
 */
export class VirtualClock implements Clock {
  readonly random: () => number;
  readonly #heap: Sleeper[] = [];
  #now = 0;
  #order = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return Date.UTC(2026, 0, 1) + this.#now;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const leave = (): void => reject(signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      this.at(this.#now + ms, () => {
        signal.removeEventListener('abort', leave);
        resolve();
      });
    });
  }

  /** Calls `wake` when it is `due`. */
  at(due: number, wake: () => void): void {
    const heap = this.#heap;
    const sleeper = { due, order: this.#order++, wake };
    let place = heap.length;
    heap.push(sleeper);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(sleeper, heap[parent]!)) break;
      heap[place] = heap[parent]!;
      place = parent;
    }
    heap[place] = sleeper;
  }

  /** An exponentially distributed number of mean 1. */
  exponential(): number {
    return -Math.log(1 - this.random());
  }

  /** Lets everything happen that is due until `ms`, then stands at `ms`. */
  async runUntil(ms: number): Promise<void> {
    for (;;) {
      await quiet();
      const next = this.#heap[0];
      if (next === undefined || next.due > ms) break;
      this.#pop();
      this.#now = next.due;
      next.wake();
    }
    this.#now = ms;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isBefore(heap[child]!, last)) break;
      heap[place] = heap[child]!;
      place = child;
    }
    heap[place] = last;
  }
}

function isBefore(a: Sleeper, b: Sleeper): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}

/** Until every promise that can go on has gone on. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
