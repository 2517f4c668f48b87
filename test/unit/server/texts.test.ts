import { expect, test } from 'vitest';
import type { LiveJob } from '../../../src/server/live/live-view.ts';
import {
  byteText,
  counted,
  duration,
  figure,
  latency,
  moment,
  percentText,
  rateOf,
  rateText,
  stateOf,
} from '../../../src/server/page/texts.ts';

const JOB: LiveJob = {
  id: '0'.repeat(24),
  revision: 1,
  status: 'INITIALIZING',
  isReplayed: false,
  deploymentId: 'flights',
  owner: 'anna',
  source: 'Ad hoc API',
  definition: null,
  model: null,
  created: 0,
  startedAt: null,
  endedAt: null,
  elapsedMs: 0,
  queuePosition: null,
  upload: 'waiting',
  intakeType: 'localFile',
  outputType: 'localFile',
  rows: { read: 0, scored: 0, failed: 0, skipped: 0 },
  percent: null,
  intakeBytes: null,
  outputBytes: null,
  hasResult: false,
  canReplay: false,
  hidden: false,
  lines: 1,
  newestLine: '-',
  sample: null,
};

test('a duration has two units at the most', () => {
  expect([0, 499, 59_400, 59_600, 65_000, 3_599_600, 3_900_000, 200_000_000].map(duration)).toEqual([
    '0 s',
    '0 s',
    '59 s',
    '1 min 00 s',
    '1 min 05 s',
    '1 h 00 min',
    '1 h 05 min',
    '2 d 7 h',
  ]);
});

test('bytes, latencies, rates and shares have three digits in the unit that suits', () => {
  expect([0, 999, 1_000, 999_400, 999_600, 5_300_000_000].map(byteText)).toEqual([
    '0 B',
    '999 B',
    '1 kB',
    '999 kB',
    '1 MB',
    '5.3 GB',
  ]);
  expect([null, 0.1234, 41.26, 999, 1_234].map(latency)).toEqual(['–', '0.123 ms', '41.3 ms', '999 ms', '1.23 s']);
  expect([0.25, 9.99, 2_584.4, 1_234_567].map(rateText)).toEqual(['0.25', '10', '2,584', '1.23M']);
  expect([0, 0.12345, 1].map(percentText)).toEqual(['0 %', '12.3 %', '100 %']);
  expect([null, 799.63].map(figure)).toEqual(['–', '799.6']);
  expect([counted(1, 'row'), counted(2_000, 'row')]).toEqual(['1 row', '2,000 rows']);
});

test('a moment of another day has its date', () => {
  const at = new Date(2026, 10, 27, 9, 5, 7).getTime();
  expect(moment(at, at + 60_000)).toBe('09:05:07');
  expect(moment(at, at + 86_400_000)).toBe('27 Nov, 09:05');
});

test('a state says what a job waits for', () => {
  const said = (change: Partial<LiveJob>): string => stateOf({ ...JOB, ...change }).text;
  expect(said({})).toBe('Waits for its rows');
  expect(said({ upload: 'open' })).toBe('Uploading');
  expect(said({ upload: 'open', queuePosition: 0 })).toBe('Next');
  expect(said({ upload: 'ended', queuePosition: 1_200 })).toBe('Waiting, 1,200 before it');
  expect(said({ status: 'RUNNING' })).toBe('Running');
  expect(said({ status: 'COMPLETED' })).toBe('Done');
  expect(said({ status: 'COMPLETED', isReplayed: true })).toBe('Replaying');
  expect(said({ status: 'ABORTED' })).toBe('Aborted');
});

test('the rate of a job that has ended is that of all its time', () => {
  const rows = { read: 500, scored: 500, failed: 0, skipped: 0 };
  expect(rateOf({ ...JOB, status: 'COMPLETED', elapsedMs: 2_000, rows })).toBe(250);
  expect(rateOf(JOB)).toBeNull();
});
