import { describe, expect, test } from 'vitest';
import { byteRange } from '../../../src/server/byte-range.ts';
import { bucketsOf, periodOf, periodView } from '../../../src/server/monitored-period.ts';

const NOW = Date.parse('2026-03-10T10:20:00Z');

describe('the time that a query asks for', () => {
  test.each([
    [{}, '2026-03-03T11:00:00.000Z', '2026-03-10T11:00:00.000Z'],
    [{ start: '2026-03-09T00:00:00Z' }, '2026-03-09T00:00:00.000Z', '2026-03-10T11:00:00.000Z'],
    [{ end: '2026-03-09T00:00:00+00:00' }, '2026-03-02T00:00:00.000Z', '2026-03-09T00:00:00.000Z'],
    [
      { startTime: '2026-03-01', endTime: '2026-03-02T12:00:00' },
      '2026-03-01T00:00:00.000Z',
      '2026-03-02T12:00:00.000Z',
    ],
  ])('%j', (query, start, end) => {
    expect(periodView(periodOf(query, NOW))).toEqual({ start, end });
  });

  test('has buckets without gaps, which begin where days, weeks and months do', () => {
    const period = periodOf({ start: '2026-01-15T06:00:00Z', end: '2026-03-02T00:00:00Z' }, NOW);
    const starts = (size: 'month' | 'week'): string[] =>
      bucketsOf(period, size).map((bucket) => periodView(bucket).start.slice(0, 13));
    expect(starts('month')).toEqual(['2026-01-15T06', '2026-02-01T00', '2026-03-01T00']);
    expect(starts('week').slice(0, 3)).toEqual(['2026-01-15T06', '2026-01-19T00', '2026-01-26T00']);
    const days = bucketsOf(period, 'day');
    expect(days[0]!.from).toBe(period.from);
    expect(days.at(-1)!.to).toBe(period.to);
    for (const [i, { from }] of days.slice(1).entries()) expect(from).toBe(days[i]!.to);
  });

  test('is refused with more buckets than anybody wants', () => {
    const period = periodOf({ start: '1990-01-01', end: '2026-01-01' }, NOW);
    expect(() => bucketsOf(period, 'hour')).toThrow('10,000 buckets');
    const year = periodOf({ start: '2025-01-01', end: '2026-01-01' }, NOW);
    expect(bucketsOf(year, 'hour')).toHaveLength(8_760);
    expect(() => bucketsOf(year, 'hour', 2)).toThrow('10,000 buckets; choose a longer bucketSize, or fewer models');
  });
});

test.each([
  [undefined, 10, null],
  ['bytes=0-0', 10, { from: 0, to: 1 }],
  ['bytes=4-', 10, { from: 4, to: 10 }],
  ['bytes=-3', 10, { from: 7, to: 10 }],
  ['bytes=-30', 10, { from: 0, to: 10 }],
  ['bytes=2-99', 10, { from: 2, to: 10 }],
  ['bytes=10-', 10, 'none'],
  ['bytes=5-4', 10, 'none'],
  ['bytes=-0', 10, 'none'],
  ['bytes=0-', 0, 'none'],
  ['bytes=-', 10, null],
  ['bytes=0-1,3-4', 10, null],
  ['items=0-1', 10, null],
])('Range: %s of %i bytes', (header, bytes, range) => {
  expect(byteRange(header, bytes)).toEqual(range);
});
