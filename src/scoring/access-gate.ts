/**
 * Closed while the server refuses access or has another model: one caller asks on, the others wait here. One per job.
 */
export class AccessGate {
  readonly #waiting = new Set<() => void>();
  #closed = false;

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    for (const go of this.#waiting) go();
  }

  /** Resolves when the gate is open; rejects with the signal's reason when it aborts. */
  async pass(signal: AbortSignal): Promise<void> {
    while (this.#closed) {
      await new Promise<void>((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        const leave = (): void => {
          this.#waiting.delete(go);
          reject(signal.reason);
        };
        const go = (): void => {
          this.#waiting.delete(go);
          signal.removeEventListener('abort', leave);
          resolve();
        };
        this.#waiting.add(go);
        signal.addEventListener('abort', leave, { once: true });
      });
    }
  }
}
