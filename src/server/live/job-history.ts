import type { LiveHistory, LiveSample } from './live-view.ts';

/** Moments that are kept of a run. */
const MOST = 360;
/** The first distance of two of them, in milliseconds. */
const FIRST_STEP_MS = 1_000;
/** Ticks of a second are some milliseconds early or late. */
const EARLY_MS = 100;

type Point = Pick<LiveSample, 'at' | 'rowsPerSecond' | 'p50' | 'p99' | 'inFlight' | 'limit'> & {
  readonly lag: number | null;
};

/**
 * How a run went, in bounded memory whatever its length: when there is no room left every second moment is forgotten, and from then on
 * moments are twice as far from each other. The newest moment is always there.
 */
export class JobHistory {
  readonly #points: Point[] = [];
  #step = FIRST_STEP_MS;
  #last: LiveSample | null = null;

  /** @param sample not older than the one before. */
  add(sample: LiveSample): void {
    this.#last = sample;
    const before = this.#points.at(-1);
    if (before !== undefined && sample.at - before.at < this.#step - EARLY_MS) return;
    this.#points.push(pointOf(sample));
    if (this.#points.length <= MOST) return;
    this.#step *= 2;
    const kept = this.#points.filter((_, i) => i % 2 === 0);
    this.#points.splice(0, this.#points.length, ...kept);
  }

  get last(): LiveSample | null {
    return this.#last;
  }

  view(): LiveHistory {
    const newest = this.#last;
    const isKept = newest === null || this.#points.at(-1)?.at === newest.at;
    const points = isKept ? this.#points : [...this.#points, pointOf(newest)];
    return {
      at: points.map(({ at }) => at),
      rowsPerSecond: points.map(({ rowsPerSecond }) => rowsPerSecond),
      p50: points.map(({ p50 }) => p50),
      p99: points.map(({ p99 }) => p99),
      inFlight: points.map(({ inFlight }) => inFlight),
      limit: points.map(({ limit }) => limit),
      lag: points.map(({ lag }) => lag),
    };
  }
}

function pointOf({ at, rowsPerSecond, p50, p99, inFlight, limit, topics }: LiveSample): Point {
  return { at, rowsPerSecond, p50, p99, inFlight, limit, lag: topics?.lag ?? null };
}
