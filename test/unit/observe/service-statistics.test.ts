import { describe, expect, test } from 'vitest';
import { RunMetrics } from '../../../src/observe/run-metrics.ts';
import { addedService, NO_SERVICE, ServiceStatistics, SLOW_MS } from '../../../src/observe/service-statistics.ts';

describe('service statistics', () => {
  test('count requests, rows, slow ones, 4xx, 5xx and those without a reply, and tell quantiles within 5 %', () => {
    const service = new ServiceStatistics();
    for (let ms = 1; ms <= 1_000; ms += 1) service.record({ latencyMs: ms, executionMs: ms / 2, rows: 3, status: 200 });
    service.record({ latencyMs: SLOW_MS, executionMs: null, rows: 1, status: 404 });
    service.record({ latencyMs: SLOW_MS + 1, executionMs: null, rows: 1, status: 499 });
    service.record({ latencyMs: 5, executionMs: null, rows: 1, status: 503 });
    service.record({ latencyMs: 5, executionMs: null, rows: 1, status: 0 });
    const { responseMs, executionMs, ...counts } = service.figures();
    expect(counts).toEqual({ requests: 1_004, rows: 3_004, slow: 1, clientErrors: 2, serverErrors: 1, unanswered: 1 });
    for (const [found, wanted] of [
      [responseMs!.p50, 500],
      [responseMs!.p90, 900],
      [executionMs!.p50, 250],
      [executionMs!.p99, 495],
    ] as const)
      expect(Math.abs(found / wanted - 1)).toBeLessThan(0.05);
  });

  test('of several jobs are added', () => {
    const one = { ...NO_SERVICE, requests: 2, rows: 5, slow: 1, responseMs: { p50: 1, p90: 2, p99: 3 } };
    expect(addedService([one, one])).toEqual({ ...NO_SERVICE, requests: 4, rows: 10, slow: 2 });
    expect(addedService([one]).responseMs).toEqual(one.responseMs);
    expect(addedService([])).toEqual(NO_SERVICE);
  });
});

test('metrics have the same names in every mode, and columns with any name', async () => {
  const idle = {
    state: 'running',
    rows: { scored: 0, failed: 0, skipped: 0 },
    rowsPerSecond: null,
    requests: 0,
    retries: 0,
    inFlight: 0,
    limit: 0,
    latency: null,
    topics: null,
    service: NO_SERVICE,
    statistics: null,
    drift: null,
  };
  const column = { name: 'a "b"\n', missing: 1, numbers: null, texts: { count: 3, values: [] }, bins: null };
  const busy = {
    ...idle,
    statistics: { rows: 4, sampled: 4, refusals: column.texts, features: [column], predictions: [] },
    drift: { features: [{ name: column.name, psi: 0.25 }], predictions: [] },
  };
  const [before, after] = [await new RunMetrics(() => idle).text(), await new RunMetrics(() => busy).text()];
  const names = (text: string) =>
    [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, name, kind]) => `${name} ${kind}`);
  expect(names(after)).toEqual(names(before));
  expect(names(before)).toEqual(
    expect.arrayContaining([
      'sluice_request_rows_total counter',
      'sluice_slow_requests_total counter',
      'sluice_request_errors_total counter',
      'sluice_request_execution_seconds gauge',
      'sluice_monitored_rows_total counter',
      'sluice_column_drift_psi gauge',
      'sluice_column_missing_ratio gauge',
      'sluice_column_mean gauge',
    ]),
  );
  expect(after).toContain('sluice_column_drift_psi{role="feature",column="a \\"b\\"\\n"} 0.25');
  expect(after).toContain('sluice_column_missing_ratio{role="feature",column="a \\"b\\"\\n"} 0.25');
});
