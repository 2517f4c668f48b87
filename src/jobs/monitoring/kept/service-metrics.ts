import { ServiceSum } from '../../../observe/service-hour.ts';
import { SLOW_MS } from '../../../observe/service-statistics.ts';
import type { KeptHour } from './monitoring-store.ts';

/** DataRobot's names of what is told of requests. */
export const SERVICE_METRICS = [
  'totalPredictions',
  'totalRequests',
  'slowRequests',
  'executionTime',
  'responseTime',
  'userErrorRate',
  'serverErrorRate',
  'numConsumers',
  'cacheHitRatio',
  'medianLoad',
  'peakLoad',
] as const;
export type ServiceMetric = (typeof SERVICE_METRICS)[number];

export interface MetricSettings {
  /** From 0 to 1; of times. */
  readonly responseQuantile: number;
  readonly executionQuantile: number;
  /** Milliseconds above which a request is slow. */
  readonly slowMs: number;
}

/**
 * All metrics of some hours of requests: times in milliseconds, rates as shares of all requests, loads in requests per minute over the minutes that had
 * any. Null where nothing can be told.
 */
export function serviceMetrics(
  hours: readonly KeptHour[],
  { responseQuantile, executionQuantile, slowMs }: MetricSettings,
): Readonly<Record<ServiceMetric, number | null>> {
  const sum = new ServiceSum();
  for (const { hour, requests } of hours) sum.add(requests, hour);
  const share = (part: number): number | null => (sum.requests === 0 ? null : part / sum.requests);
  const loads = [...sum.minutes.values()].toSorted((a, b) => a - b);
  return {
    totalPredictions: sum.predictions,
    totalRequests: sum.requests,
    // Another threshold than that of the count is looked up in the buckets of the times.
    slowRequests: slowMs === SLOW_MS ? sum.slow : sum.response.above(slowMs),
    executionTime: sum.execution.percentile(executionQuantile),
    responseTime: sum.response.percentile(responseQuantile),
    userErrorRate: share(sum.clientErrors),
    serverErrorRate: share(sum.serverErrors),
    numConsumers: new Set(hours.map(({ owner }) => owner)).size,
    // Nothing is kept of rows that were scored before.
    cacheHitRatio: sum.requests === 0 ? null : 0,
    medianLoad: median(loads),
    peakLoad: loads.at(-1) ?? null,
  };
}

function median(sorted: readonly number[]): number | null {
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
