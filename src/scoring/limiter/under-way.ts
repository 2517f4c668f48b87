/** Counts the requests under way by the window that they began in. */
export class UnderWay {
  readonly #begun = new Map<number, number>();

  began(window: number): void {
    this.#begun.set(window, (this.#begun.get(window) ?? 0) + 1);
  }

  ended(window: number): void {
    const left = this.#begun.get(window)! - 1;
    if (left === 0) this.#begun.delete(window);
    else this.#begun.set(window, left);
  }

  /** The window that the oldest of them began in; infinite where there is none. */
  get oldest(): number {
    let oldest = Infinity;
    for (const window of this.#begun.keys()) oldest = Math.min(oldest, window);
    return oldest;
  }
}
