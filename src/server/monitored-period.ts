import { utcTime } from '../core/utc-time.ts';
import { type BucketSize, bucketOf, nextBucket } from '../monitoring/time-bucket.ts';
import { refused } from './refused.ts';
import type { PeriodQuery } from './schemas/monitoring-query.ts';

/** A time, in milliseconds since 1970; `to` is left out. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

const HOUR_MS = 3_600_000;
const WEEK_MS = 7 * 24 * HOUR_MS;
/** More would be of no use to anybody. */
const MOST_BUCKETS = 10_000;

/**
 * The time that a query asks for; the last seven days if it names none. Throws REQUEST_INVALID (422) for one that ends before it begins.
 * @param since a query that names no start begins then, at the latest.
 */
export function periodOf({ start, end, startTime, endTime }: PeriodQuery, now: number, since?: number): Period {
  const to = timeOf(end ?? endTime) ?? nextBucket(now, 'hour');
  const from = timeOf(start ?? startTime) ?? Math.min(to - WEEK_MS, bucketOf(since ?? to, 'hour'));
  if (from < to) return { from, to };
  throw refused('start must be before end');
}

/**
 * The parts of a period, one after the other; the first and the last may be shorter. Throws REQUEST_INVALID (422) for too many.
 * @param series how often all of them will stand in the reply.
 */
export function bucketsOf({ from, to }: Period, size: Exclude<BucketSize, 'all'>, series = 1): readonly Period[] {
  const buckets: Period[] = [];
  for (let at = from; at < to; ) {
    const end = Math.min(nextBucket(at, size), to);
    buckets.push({ from: at, to: end });
    at = end;
    if (buckets.length * series > MOST_BUCKETS)
      throw refused(
        `There would be more than 10,000 buckets; choose a longer bucketSize${series === 1 ? '' : ', or fewer models'}`,
      );
  }
  return buckets;
}

/** Where the bucket begins that a time is in, within a period. */
export function bucketStart(ms: number, { from }: Period, size: BucketSize): number {
  return Math.max(bucketOf(ms, size), from);
}

export function periodView({ from, to }: Period): { readonly start: string; readonly end: string } {
  return { start: new Date(from).toISOString(), end: new Date(to).toISOString() };
}

/** Without a zone it is UTC. */
export function timeOf(text: string | undefined): number | null {
  return text === undefined ? null : utcTime(text);
}
