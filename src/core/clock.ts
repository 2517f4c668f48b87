/**
 * Time and randomness come in by this port, so that retries, lingers and jitter can be tested exactly and without
 * waiting. Nothing in Sluice calls Date.now(), setTimeout or Math.random() past it.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes backwards. For durations. */
  now(): number;
  /** Milliseconds since 1970, for what people read and for HTTP dates. */
  wall(): number;
  /** Resolves after `ms` milliseconds, never after infinitely many; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

/** The longest time that a timer of the machine can wait; it takes a longer one for 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    let left = ms;
    for (; left > LONGEST_TIMER_MS; left -= LONGEST_TIMER_MS) await timer(LONGEST_TIMER_MS, signal);
    await timer(left, signal);
  },
};

function timer(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const stop = (): void => {
      clearTimeout(timeout);
      reject(signal.reason);
    };
    const timeout = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
