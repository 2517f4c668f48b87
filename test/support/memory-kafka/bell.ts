/** Wakes everybody who waits. Whoever is woken looks again by himself whether what he waits for is there. */
export class Bell {
  readonly #waiting = new Set<() => void>();

  ring(): void {
    const woken = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of woken) wake();
  }

  /** Resolves at the next ring; rejects with the reason of the first signal that aborts. */
  heard(signals: readonly AbortSignal[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(wake);
        for (const signal of signals) signal.removeEventListener('abort', stop);
      };
      const wake = (): void => {
        settle();
        resolve();
      };
      const stop = (): void => {
        settle();
        reject(signals.find((signal) => signal.aborted)?.reason);
      };
      if (signals.some((signal) => signal.aborted)) {
        stop();
        return;
      }
      this.#waiting.add(wake);
      for (const signal of signals) signal.addEventListener('abort', stop, { once: true });
    });
  }
}
