import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LatencyHistogram } from '../../../src/observe/latency-histogram.ts';
import { ServiceSum } from '../../../src/observe/service-hour.ts';

const requests = fc.array(
  fc.record({
    latencyMs: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
    executionMs: fc.option(fc.double({ min: 0.01, max: 1e6, noNaN: true })),
    rows: fc.integer({ min: 0, max: 1_000 }),
    status: fc.constantFrom(0, 200, 404, 422, 500, 503),
    minute: fc.integer({ min: 0, max: 59 }),
  }),
  { maxLength: 60 },
);

describe('requests of an hour', () => {
  test('that are kept in parts and added are those that are counted at once', () => {
    fc.assert(
      fc.property(requests, requests, (a, b) => {
        const [one, other, all] = [new ServiceSum(), new ServiceSum(), new ServiceSum()];
        for (const request of a) one.record(request, request.minute * 60_000);
        for (const request of b) other.record(request, request.minute * 60_000);
        for (const request of [...a, ...b]) all.record(request, request.minute * 60_000);
        const added = new ServiceSum();
        for (const part of [one, other]) added.add(JSON.parse(JSON.stringify(part.hour())), 0);
        const sorted = (sum: ServiceSum): object => ({
          ...sum.hour(),
          minutes: sum.hour().minutes.toSorted(([x], [y]) => x - y),
        });
        expect(sorted(added)).toEqual(sorted(all));
        for (const q of [0.1, 0.5, 1]) expect(added.response.percentile(q)).toBe(all.response.percentile(q));
      }),
      { numRuns: 100 },
    );
  });

  test('are told how many took longer, as exactly as the buckets are', () => {
    const histogram = new LatencyHistogram();
    for (let ms = 1; ms <= 1_000; ms += 1) histogram.record(ms);
    expect(histogram.above(0)).toBe(1_000);
    expect(histogram.above(2_000)).toBe(0);
    expect(Math.abs(histogram.above(500) - 500)).toBeLessThan(50);
  });
});
