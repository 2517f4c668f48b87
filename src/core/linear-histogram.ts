/**
 * Counts of numbers in buckets of equal width, a power of two: bucket `i` holds the numbers from `i·2^exponent` up to the next one.
 * The width follows from the least and the greatest number alone, and a bucket of the next width is exactly two of this one. So
 * merging in any grouping gives the same as counting all at once.
 */
export interface LinearHistogram {
  readonly exponent: number;
  /** Index of the first bucket that is counted. */
  readonly first: number;
  /** At most `MOST_BUCKETS`; the first and the last are not 0. */
  readonly counts: readonly number[];
}

export const MOST_BUCKETS = 32;
/** Below this share of the greatest magnitude (2^-24) no difference is looked for. */
const RESOLUTION_BITS = 24;
const SMALLEST_EXPONENT = -1000;

/**
 * Of the first `count` of these numbers, all finite.
 * @param min,max the least and the greatest of them.
 */
export function histogramOf(values: Float64Array, count: number, min: number, max: number): LinearHistogram {
  const exponent = exponentFor(min, max, SMALLEST_EXPONENT);
  const width = 2 ** exponent;
  const first = bucketOf(min, width);
  const counts = zeros(bucketOf(max, width) - first + 1);
  for (let i = 0; i < count; i += 1) counts[bucketOf(values[i]!, width) - first]! += 1;
  return { exponent, first, counts };
}

/** @param min,max of both together. */
export function mergeHistograms(a: LinearHistogram, b: LinearHistogram, min: number, max: number): LinearHistogram {
  const exponent = exponentFor(min, max, Math.max(a.exponent, b.exponent));
  const width = 2 ** exponent;
  const first = bucketOf(min, width);
  const counts = zeros(bucketOf(max, width) - first + 1);
  for (const { exponent: finer, first: start, counts: given } of [a, b]) {
    const ratio = 2 ** (exponent - finer);
    for (let i = 0; i < given.length; i += 1) counts[Math.floor((start + i) / ratio) - first]! += given[i]!;
  }
  return { exponent, first, counts };
}

/** The lower and the upper bound of bucket `i` of the counts. */
export function bucketBounds({ exponent, first }: LinearHistogram, i: number): readonly [number, number] {
  const width = 2 ** exponent;
  return [(first + i) * width, (first + i + 1) * width];
}

/** A quotient that is too small for a double is 0, and of a negative number it belongs to the bucket below. */
function bucketOf(value: number, width: number): number {
  const bucket = Math.floor(value / width);
  return bucket === 0 && value < 0 ? -1 : bucket;
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

/** The least width by which all numbers between the two fit the buckets. */
function exponentFor(min: number, max: number, atLeast: number): number {
  const magnitude = Math.max(Math.abs(min), Math.abs(max));
  const finest = magnitude === 0 ? SMALLEST_EXPONENT : Math.floor(Math.log2(magnitude)) - RESOLUTION_BITS;
  // Where the search begins: at this width, or a wider one, the buckets must be enough.
  const spread = max / 2 - min / 2;
  const near = spread > 0 ? Math.floor(Math.log2(spread)) + 1 - Math.log2(MOST_BUCKETS) : SMALLEST_EXPONENT;
  let exponent = Math.max(SMALLEST_EXPONENT, finest, atLeast, near - 1);
  while (bucketOf(max, 2 ** exponent) - bucketOf(min, 2 ** exponent) >= MOST_BUCKETS) exponent += 1;
  return exponent;
}
