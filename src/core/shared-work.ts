import { abortable } from './abortable.ts';

interface Entry<T> {
  readonly promise: Promise<T>;
  readonly controller: AbortController;
  waiting: number;
  done: boolean;
}

/**
 * Does the work of a key once, for all who ask while it is under way and for those who ask later. Work that failed is forgotten.
 * It is stopped when nobody waits for it any more, so one caller's abort spoils nothing for the others.
 */
export class SharedWork<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #keep: (value: T) => boolean;

  /** @param keep whether an outcome holds for ever; others are forgotten. */
  constructor(keep: (value: T) => boolean) {
    this.#keep = keep;
  }

  /** Rejects with what the work rejects with, or with the signal's reason. */
  async get(key: string, work: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    const entry = this.#entries.get(key) ?? this.#begin(key, work);
    if (entry.done) return entry.promise;
    entry.waiting += 1;
    try {
      return await abortable(entry.promise, signal);
    } finally {
      entry.waiting -= 1;
      if (entry.waiting === 0 && !entry.done) {
        this.#forget(key, entry);
        entry.controller.abort(signal.reason);
      }
    }
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<T>): Entry<T> {
    const controller = new AbortController();
    const entry: Entry<T> = { promise: work(controller.signal), controller, waiting: 0, done: false };
    this.#entries.set(key, entry);
    void this.#watch(key, entry);
    return entry;
  }

  async #watch(key: string, entry: Entry<T>): Promise<void> {
    let kept = false;
    try {
      kept = this.#keep(await entry.promise);
    } catch {
      // Those who wait for it hear of it.
    }
    entry.done = true;
    if (!kept) this.#forget(key, entry);
  }

  #forget(key: string, entry: Entry<T>): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}
