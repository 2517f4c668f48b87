/**
 * Time and randomness come in by this port, so that retries, lingers and jitter can be tested exactly and without
 * waiting. Nothing in Sluice calls Date.now(), setTimeout or Math.random() past it.
 */
export interface Clock {
  /** Milliseconds from an arbitrary start; never goes backwards. For durations. */
  now(): number;
  /** Milliseconds since 1970, for what people read and for HTTP dates. */
  wall(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  random: () => Math.random(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const stop = (): void => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', stop);
        resolve();
      }, ms);
      signal.addEventListener('abort', stop, { once: true });
    }),
};
