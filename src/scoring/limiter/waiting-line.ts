/** Those who wait for a permit: first come, first served. */
export class WaitingLine<T> {
  readonly #waiting = new Set<(admitted: T) => void>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /** Resolves with what `admit` gives when its turn comes; rejects with the signal's reason when it aborts, and leaves no trace then. */
  wait(signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const enter = (admitted: T): void => {
        signal.removeEventListener('abort', leave);
        resolve(admitted);
      };
      const leave = (): void => {
        this.#waiting.delete(enter);
        reject(signal.reason);
      };
      this.#waiting.add(enter);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** Lets the first one in; somebody must wait. */
  admit(admitted: T): void {
    const [enter] = this.#waiting;
    this.#waiting.delete(enter!);
    enter!(admitted);
  }
}
