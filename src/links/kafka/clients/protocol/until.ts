/** The outcome of `work`, or the signal's reason as soon as it aborts; the work then goes on unheard. */
export function until<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.reject(signal.reason);
  }
  return new Promise<T>((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/** Asked anew: the compiler believes that a signal found not aborted stays so. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
