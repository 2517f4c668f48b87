/** Lets one piece of work run at a time, in the order in which they were asked for. */
export class OneAtATime {
  #last: Promise<void> = Promise.resolve();

  /** Runs `work` when its turn comes. Rejects with the signal's reason when that aborts before: the work then never runs. */
  async run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#last;
    const done = Promise.withResolvers<void>();
    this.#last = before.then(() => done.promise);
    try {
      await turn(before, signal);
      return await work();
    } finally {
      done.resolve();
    }
  }
}

async function turn(before: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const stop = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    await Promise.race([before, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
