import { expect, test } from 'vitest';
import { RecentLatency } from '../../../src/observe/recent-latency.ts';
import { ManualClock } from '../../support/manual-clock.ts';

test('what ended more than ten seconds ago is forgotten, what ended in the last five never', () => {
  const clock = new ManualClock();
  const recent = new RecentLatency(clock);
  expect(recent.histogram().quantiles()).toBeNull();
  for (let i = 0; i < 100; i += 1) recent.record(10);
  clock.advance(4_999);
  expect(recent.histogram().quantiles()?.p50).toBeCloseTo(10, -0.5);
  clock.advance(1);
  for (let i = 0; i < 300; i += 1) recent.record(1_000);
  const both = recent.histogram().quantiles()!;
  expect(both.p50 / 1_000).toBeCloseTo(1, 0);
  clock.advance(5_000);
  expect(recent.histogram().quantiles()!.p50).toBeGreaterThan(900);
  clock.advance(5_000);
  expect(recent.histogram().quantiles()).toBeNull();
  recent.record(20);
  expect(recent.histogram().quantiles()!.p99).toBeLessThan(22);
});
