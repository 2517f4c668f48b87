import { expect, test } from 'vitest';
import { JobHistory } from '../../../src/server/live/job-history.ts';
import type { LiveSample } from '../../../src/server/live/live-view.ts';

const START = Date.UTC(2026, 0, 1);

function sample(second: number): LiveSample {
  return {
    at: START + 1_000 * second,
    state: 'running',
    detail: '',
    rowsPerSecond: second,
    etaMs: null,
    p50: 10,
    p99: second % 2 === 0 ? null : 20,
    inFlight: 3,
    limit: 4,
    requests: second,
    retries: 0,
    stages: [],
    bottleneck: '',
    topics: null,
  };
}

test('a history of any length has a bounded number of moments, from its first to its newest', () => {
  const history = new JobHistory();
  for (let second = 0; second <= 100_000; second += 1) {
    history.add(sample(second));
    if (second % 997 === 0) expect(history.view().at.length).toBeLessThanOrEqual(361);
  }
  const { at, rowsPerSecond, limit } = history.view();
  expect(at[0]).toBe(START);
  expect(at.at(-1)).toBe(START + 100_000_000);
  expect(rowsPerSecond.at(-1)).toBe(100_000);
  expect(limit).toHaveLength(at.length);
  expect(at.length).toBeGreaterThan(170);
});

test('moments of a history are as far from each other as the others', () => {
  const history = new JobHistory();
  for (let second = 0; second < 5_000; second += 1) history.add(sample(second));
  const { at } = history.view();
  const steps = new Set(at.slice(1, -1).map((time, i) => time - at[i]!));
  expect(steps.size).toBe(1);
});

test('a history of several looks a second has one moment a second, and the last look', () => {
  const history = new JobHistory();
  for (let i = 0; i <= 10; i += 1) history.add({ ...sample(0), at: START + 250 * i, rowsPerSecond: i });
  expect(history.view().rowsPerSecond).toEqual([0, 4, 8, 10]);
  expect(history.last?.rowsPerSecond).toBe(10);
});

test('a history without a moment is empty', () => {
  expect(new JobHistory().view().at).toEqual([]);
});
