import type { Clock } from '../../core/clock.ts';

/** How often, in milliseconds; half as often, and so on, for servers whose requests take longer than one in so many of that; and until when it has begun. */
const EVERY_MS = 16_000;
const REQUESTS = 64;
const LATE = 8;
/** How long they wait then before they measure, and how long they measure, at the least: their clocks are not quite the same. */
const DRAIN_MS = 100;
const MEASURE_MS = 200;

/**
 * When all processes that send to a server look at what a request takes without a queue: in the same moment, by the wall clock. None of them
 * can empty by itself a line that the others stand in; it would take their waiting for service, and add its own queue to theirs, as they
 * would to its. They need not know of each other for this, only what time it is, to a tenth of a second or so.
 */
export class CommonLook {
  readonly #clock: Pick<Clock, 'now' | 'wall'>;
  /** Milliseconds since 1970 of the last one. */
  #last: number;
  /** By the clock; null: there is none now. */
  #under: { readonly from: number; readonly to: number } | null = null;

  constructor(clock: Pick<Clock, 'now' | 'wall'>) {
    this.#clock = clock;
    this.#last = clock.wall();
  }

  /** @param baseMs what a request takes without a queue, as far as is known. */
  isDue(baseMs: number): boolean {
    const longer = Math.max(0, Math.ceil(Math.log2((REQUESTS * baseMs) / EVERY_MS)));
    const every = EVERY_MS * 2 ** longer;
    const wall = this.#clock.wall();
    // Who comes late for it would look alone.
    return Math.floor(wall / every) !== Math.floor(this.#last / every) && wall % every < every / LATE;
  }

  /** Whether one is under way. */
  get isUnderWay(): boolean {
    return this.#under !== null;
  }

  begin(): void {
    this.#last = this.#clock.wall();
    const from = this.#clock.now() + DRAIN_MS;
    this.#under = { from, to: from + MEASURE_MS };
  }

  end(): void {
    this.#under = null;
  }

  /** Whether what is answered now may still have waited behind what was there before. */
  get isDraining(): boolean {
    return this.#under !== null && this.#clock.now() < this.#under.from;
  }

  /** Whether it has lasted long enough; true where none is under way. */
  get isLongEnough(): boolean {
    return this.#under === null || this.#clock.now() >= this.#under.to;
  }
}
