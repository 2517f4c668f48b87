import { abortable } from '../core/abortable.ts';

/** Lets one piece of work run at a time, in the order in which they were asked for. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();

  /** Runs `work` when its turn comes. Rejects with the signal's reason when that aborts before: the work then never runs. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = before.then(() => done.promise);
    try {
      await abortable(before, signal);
      return await work();
    } finally {
      done.resolve();
    }
  }
}
