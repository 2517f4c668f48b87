/** How many windows lie between two looks; more while they find nothing new. */
const WINDOWS = 32;
const MOST_WINDOWS = 128;
/** A look lasts until the mean of what it sees is as certain as this. */
const ERROR = 0.12;
/** How far the number of workers may be off that is news, as a share of it; fewer than one of them is chance. */
const NEWS = 0.25;
/** How fast the estimate follows. */
const GAIN = 0.25;

/**
 * What a server bears is seen only at the limit. Somebody who is held below it (a backfill beside a live user, a job with a share) goes up to it now
 * and then, for some windows, so that a server that has grown is noticed; between two such looks the workers that were busy in the last one
 * stand for the server.
 */
export class LookUp {
  #workers = 0;
  #before = 0;
  #isLooking = true;
  #seen = 0;
  #windows = WINDOWS;
  #left = 0;

  /** Workers that were kept busy at the limit; 0: nobody has been there yet. */
  get workers(): number {
    return this.#workers;
  }

  /** Whether nobody is to be held below the limit now. */
  get isLooking(): boolean {
    return this.#isLooking;
  }

  /** The limit still grows, and so many workers are busy. */
  climbs(busy: number): void {
    this.#workers = busy;
  }

  /** A window at the limit. @param error of such a number, as a share of it. */
  atLimit(busy: number, error: number): void {
    this.#workers += (this.#workers === 0 ? 1 : GAIN) * (busy - this.#workers);
    if (!this.#isLooking) return;
    this.#seen += 1;
    if (error > ERROR * Math.sqrt(this.#seen)) return;
    const isNew = Math.abs(this.#workers - this.#before) > 1 + NEWS * this.#before;
    this.#windows = isNew ? WINDOWS : Math.min(MOST_WINDOWS, 2 * this.#windows);
    this.#before = this.#workers;
    this.#left = this.#windows;
    this.#seen = 0;
    this.#isLooking = false;
  }

  /** A window below the limit. @param most workers that can have been busy then; infinite where the server was not seen at its end. */
  below(most: number): void {
    if (most < this.#workers) this.#workers += GAIN * (most - this.#workers);
    this.#left -= 1;
    if (this.#left <= 0) this.#isLooking = true;
  }

  /** The server has refused more than so many requests. */
  refused(most: number): void {
    this.#workers = Math.min(this.#workers, most);
  }
}
