/** Samples at the roof before the next step is tried; twice as many after every step that was refused. */
const PATIENCE = 16;
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
  /** Whether refusals come late: then a step is not taken because nothing was refused yet. */
  #isLate = false;
  /** The step that is being tried; 0 for none. */
  #step = 0;

  get limit(): number {
    return this.#limit;
  }

  /** Whether the limit is one step beyond what is known to be taken. */
  get isTrying(): boolean {
    return this.#step > 0;
  }

  /**
   * The limit wants to grow after a window of so many samples.
   * @param isTaken whether all requests that began under the step that was tried last are known to be answered.
   */
  wanted(limit: number, samples: number, isTaken: boolean): void {
    if (limit < Math.floor(this.#limit)) return;
    if (this.#step > 0) {
      if (this.#isLate && !isTaken) return;
      this.#patience = Math.max(PATIENCE, this.#patience / 2);
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
   * @param isLate whether it took longer to refuse than to answer: a time-out.
   * @returns the limit to go back to, where only the next step was tried; null where nobody knows.
   */
  refused(level: number, isLate: boolean): number | null {
    this.#isLate = isLate;
    const isTrial = this.#step > 0;
    if (isTrial) this.#patience = Math.min(MOST_PATIENCE, 2 * this.#patience);
    this.#limit = level;
    this.#samples = 0;
    this.#step = 0;
    return isTrial ? level : null;
  }
}
