export const BUCKET_SIZES = ['hour', 'day', 'week', 'month', 'all'] as const;
export type BucketSize = (typeof BUCKET_SIZES)[number];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The first of January 1970 was a Thursday; weeks begin on Mondays. */
const MONDAY_MS = 4 * DAY_MS;

/** Where the bucket of a time begins, in milliseconds since 1970, by UTC. */
export function bucketOf(ms: number, size: BucketSize): number {
  if (size === 'all') return 0;
  if (size === 'hour') return ms - modulo(ms, HOUR_MS);
  if (size === 'day') return ms - modulo(ms, DAY_MS);
  if (size === 'week') return ms - modulo(ms - MONDAY_MS, 7 * DAY_MS);
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

/** Where the bucket after that of `ms` begins. */
export function nextBucket(ms: number, size: Exclude<BucketSize, 'all'>): number {
  const start = bucketOf(ms, size);
  if (size !== 'month') return start + { hour: HOUR_MS, day: DAY_MS, week: 7 * DAY_MS }[size];
  const date = new Date(start);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

function modulo(a: number, b: number): number {
  return ((a % b) + b) % b;
}
