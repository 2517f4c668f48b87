/** Samples at the roof before the next step is tried; twice as many after every step that was refused. */
const PATIENCE = 32;
const MOST_PATIENCE = 1024;

/**
 * The most requests at once that the server is known to take: below what it refused. Servers that refuse mostly have a fixed number, and
 * finding it again costs refused requests; so it is tried ever more rarely. A step that is taken is followed by one twice as
 * large, as the server may have grown.
 */
export class Roof {
  #limit = Infinity;
  #patience = PATIENCE;
  #samples = 0;
  /** The step that is being tried; 0 for none. */
  #step = 0;

  get limit(): number {
    return this.#limit;
  }

  /** The limit wants to grow after a window of so many samples. */
  wanted(limit: number, samples: number): void {
    if (limit < Math.floor(this.#limit)) return;
    if (this.#step > 0) {
      this.#patience = PATIENCE;
      this.#step *= 2;
    } else {
      this.#samples += samples;
      if (this.#samples < this.#patience) return;
      this.#samples = 0;
      this.#step = 1;
    }
    this.#limit += this.#step;
  }

  /**
   * The server refuses more than `level` requests at once.
   * @returns the limit to go back to, where only the next step was tried; null where nobody knows.
   */
  refused(level: number): number | null {
    const isTrial = this.#step === 1;
    if (isTrial) this.#patience = Math.min(MOST_PATIENCE, 2 * this.#patience);
    this.#limit = level;
    this.#samples = 0;
    this.#step = 0;
    return isTrial ? level : null;
  }
}
