import type { Clock } from '../../core/clock.ts';

/** A number that changes in steps, and its mean over time. */
export class TimeMean {
  readonly #clock: Pick<Clock, 'now'>;
  #value = 0;
  #sum = 0;
  #since: number;
  #takenMs: number;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
    this.#since = clock.now();
    this.#takenMs = this.#since;
  }

  get value(): number {
    return this.#value;
  }

  set(value: number): void {
    const now = this.#clock.now();
    this.#sum += this.#value * (now - this.#since);
    this.#since = now;
    this.#value = value;
  }

  /** The mean since it was taken last; the number itself where no time has passed. */
  take(): number {
    this.set(this.#value);
    const ms = this.#since - this.#takenMs;
    const mean = ms > 0 ? this.#sum / ms : this.#value;
    this.#sum = 0;
    this.#takenMs = this.#since;
    return mean;
  }
}
