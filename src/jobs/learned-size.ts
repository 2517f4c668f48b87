import type { SentRequest } from '../scoring/limiter.ts';

export interface LearnedSizeSettings {
  /** The size of requests to begin with, and its bounds, in bytes of canonical CSV. */
  readonly bytes: number;
  readonly least: number;
  readonly most: number;
  /** Rows of a request of the first size, at the most. */
  readonly rows: number;
  /** Bytes per millisecond from which on nothing is tried, as the client's own work on larger requests would cost more than they save. */
  readonly fast: number;
}

/** Requests that a size is judged by: at the least, and for each request under way. */
const SAMPLES = 24;
const SAMPLES_IN_FLIGHT = 3;
/** More where latencies jump: until their mean is as sure as this, or there are so many. */
const SURE = 0.04;
const MOST_SAMPLES = 400;
/** The next size that is tried. */
const STEP = 2;
/** A size must be better by so much, or it is not worth the change. */
const GAIN = 0.04;
/** And by so many standard errors, or it is chance. */
const CERTAIN = 1.5;
/** Windows of requests between trials that changed nothing: each time twice as many. */
const REST = 4;
const MOST_REST = 64;
/** How far a request may be from the size that is judged: batches end with a row, the last ones early. */
const SMALLER = 0.9;
const LARGER = 1.05;
/** What is hardly another size is not tried: its requests could not be told from those before. */
const LEAST_STEP = 1.15;
/** Below what the server refused as too large. */
const SAFE = 0.9;
/** Refusals for overload that end a trial. */
const OVERLOADS = 2;

/** What was measured of a size. */
interface Measured {
  /** Rows and bytes per request, and milliseconds from one that ends to the next. */
  readonly rows: number;
  readonly bytes: number;
  readonly ms: number;
  /** How sure that is: the standard error of the latencies, as a share of their mean. */
  readonly error: number;
}

/**
 * Finds how large requests should be. A request of n rows costs the server a + b·n: few rows waste a, and where the cost grows
 * faster than the rows, many waste more. A size is judged by the rows that come back per millisecond, so that what the client itself
 * has to do with large requests counts too. Twice the size is tried where the cost fitted to the last two sizes says that it is worth it, and
 * half the size in turn; what is better by 4 % stays. Refusals for size bound it for good.
 *
 * Only requests that begin while the limiter is at rest are counted, and one size at a time is changed, so that size and concurrency do
 * not chase each other.
 */
export class LearnedSize {
  readonly #settings: LearnedSizeSettings;
  /** As multiples of the first size. */
  #size = 1;
  #trial: number | null = null;
  #most: number;
  #isUp = true;
  /** What the size is judged by; null until it is measured. */
  #measured: Measured | null = null;
  #window = new Sums();
  #failures = 0;
  /** When the last request ended. */
  #lastMs: number | null = null;
  #rest = 0;

  constructor(settings: LearnedSizeSettings) {
    this.#settings = settings;
    this.#most = settings.most / settings.bytes;
  }

  /** Of the next batches, in bytes of canonical CSV. */
  get bytes(): number {
    return Math.round(this.#now * this.#settings.bytes);
  }

  /** Of the next batches, at the most. */
  get rows(): number {
    return Math.max(1, Math.round(this.#now * this.#settings.rows));
  }

  /** Told of every request that was sent. */
  observe(request: SentRequest): void {
    if (request.isTooLarge) {
      this.#refused(request);
      return;
    }
    const window = this.#window;
    if (request.result === 'overload' && this.#trial !== null) {
      window.overloads += 1;
      if (window.overloads >= OVERLOADS) this.#end(false);
      return;
    }
    const before = this.#lastMs;
    this.#lastMs = request.endedMs;
    if (before === null) return;
    const size = this.#sizeOf(request) / this.#now;
    if (request.result !== 'ok' || !request.isSettled || size < SMALLER || size > LARGER) return;
    window.add(request, request.endedMs - before);
    if (window.samples < Math.max(SAMPLES, SAMPLES_IN_FLIGHT * request.inFlight)) return;
    const { measured } = window;
    const isLast = window.samples >= MOST_SAMPLES;
    if (this.#trial !== null) this.#judge(measured, isLast);
    else if (isLast || measured.error <= SURE) {
      this.#window = new Sums();
      this.#measured = measured;
      if (this.#rest > 0) this.#rest -= 1;
      else if (measured.bytes < this.#settings.fast * measured.ms) this.#try();
    }
  }

  get #now(): number {
    return this.#trial ?? this.#size;
  }

  /** Whichever of bytes and rows ended the batch. */
  #sizeOf({ bytes, rows }: SentRequest): number {
    return Math.max(bytes / this.#settings.bytes, rows / this.#settings.rows);
  }

  #try(): void {
    const { least, bytes } = this.#settings;
    const next = this.#isUp ? Math.min(this.#most, STEP * this.#size) : Math.max(least / bytes, this.#size / STEP);
    if (Math.max(next / this.#size, this.#size / next) < LEAST_STEP) this.#end(false);
    else this.#trial = next;
  }

  /** @param isLast whether what is not certain now never will be. */
  #judge(trial: Measured, isLast: boolean): void {
    const before = this.#measured!;
    const gain = trial.rows / trial.ms / (before.rows / before.ms) - 1;
    const error = CERTAIN * Math.hypot(trial.error, before.error);
    if (gain < Math.max(GAIN, error)) {
      if (isLast || gain < GAIN - error || error < GAIN) this.#end(false);
      return;
    }
    this.#window = new Sums();
    this.#size = this.#trial!;
    this.#measured = trial;
    // The line through both sizes says what the next step is worth.
    const perRow = (trial.ms - before.ms) / (trial.rows - before.rows);
    const next = this.#isUp ? STEP * trial.rows : trial.rows / STEP;
    const ms = Math.max(1e-9, trial.ms + perRow * (next - trial.rows));
    if (next / ms / (trial.rows / trial.ms) - 1 < GAIN) this.#end(true);
    else {
      this.#trial = null;
      this.#failures = 0;
      this.#try();
    }
  }

  /** Back to the size that is known to be good, and the other way next time. */
  #end(isBetter: boolean): void {
    this.#trial = null;
    this.#window = new Sums();
    this.#isUp = !this.#isUp;
    this.#failures = isBetter ? 0 : this.#failures + 1;
    if (this.#failures >= 2) this.#rest = Math.min(MOST_REST, REST * 2 ** (this.#failures - 2));
  }

  #refused(request: SentRequest): void {
    this.#most = Math.min(this.#most, SAFE * this.#sizeOf(request));
    this.#size = Math.min(this.#size, this.#most);
    if (this.#trial !== null && this.#trial > this.#most) this.#end(false);
    this.#window = new Sums();
  }
}

class Sums {
  samples = 0;
  overloads = 0;
  #rows = 0;
  #bytes = 0;
  #latency = 0;
  #squares = 0;
  #ms = 0;

  add({ rows, bytes, latencyMs }: SentRequest, sinceLastMs: number): void {
    this.samples += 1;
    this.#bytes += bytes;
    this.#rows += rows;
    this.#latency += latencyMs;
    this.#squares += latencyMs ** 2;
    this.#ms += sinceLastMs;
  }

  get measured(): Measured {
    const { samples } = this;
    return { rows: this.#rows / samples, bytes: this.#bytes / samples, ms: this.#ms / samples, error: this.#error };
  }

  get #error(): number {
    const mean = this.#latency / this.samples;
    return Math.sqrt(Math.max(0, this.#squares / this.samples - mean ** 2) / this.samples) / mean;
  }
}
