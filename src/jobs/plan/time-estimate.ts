import { type Estimate, scaled } from './intake-estimate.ts';

/** What requests of a sample took: rows and milliseconds of each. */
export interface TimedRequest {
  readonly rows: number;
  readonly milliseconds: number;
}

/** A first request also opens a connection, and a loaded server is slower than one that is asked once. */
const SLOWER_UNDER_LOAD = 2;

/** How long the job may take at a rate that is given, in milliseconds. */
export function timeAtRate(rows: Estimate, rowsPerSecond: number): Estimate {
  return scaled(rows, 1000 / rowsPerSecond);
}

/**
 * How long the job may take as the requests of a sample took: a cost of each request and a cost of each row, over so many requests at
 * once. At best the server bears all of them at once; at worst it does one after the other, and slower.
 */
export function timeFromSample(
  rows: Estimate,
  requests: Estimate,
  timed: readonly TimedRequest[],
  concurrency: number,
): Estimate | null {
  const [small, large] = timed.toSorted((a, b) => a.rows - b.rows);
  if (small === undefined) return null;
  const perRow =
    large === undefined || large.rows === small.rows
      ? small.milliseconds / small.rows
      : Math.max(0, (large.milliseconds - small.milliseconds) / (large.rows - small.rows));
  const perRequest = Math.max(0, small.milliseconds - perRow * small.rows);
  const serial = (figure: keyof Estimate): number => rows[figure] * perRow + requests[figure] * perRequest;
  return {
    least: serial('least') / concurrency,
    likely: serial('likely') / Math.max(1, Math.sqrt(concurrency)),
    most: serial('most') * SLOWER_UNDER_LOAD,
  };
}
