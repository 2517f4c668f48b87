import { expect, test } from 'vitest';
import { utcTime } from '../../../src/core/utc-time.ts';
import { inNewYork } from '../../support/in-new-york.ts';

inNewYork();

test.each([
  ['2026-11-28T12:00:00', '2026-11-28T12:00:00.000Z'],
  ['2026-11-28 12:00:00.5', '2026-11-28T12:00:00.500Z'],
  ['2026-11-28T12:00:00Z', '2026-11-28T12:00:00.000Z'],
  ['2026-11-28T12:00:00+01:30', '2026-11-28T10:30:00.000Z'],
  ['2026-11-28T12:00:00-0500', '2026-11-28T17:00:00.000Z'],
  ['Sat, 28 Nov 2026 12:00:00 GMT', '2026-11-28T12:00:00.000Z'],
  ['2026-11-28', '2026-11-28T00:00:00.000Z'],
  ['2026-11', '2026-11-01T00:00:00.000Z'],
])('%s is %s on a machine of another zone', (text, time) => {
  // Else nothing is shown by it.
  expect(new Date(2026, 10, 28).getTimezoneOffset()).toBe(300);
  expect(new Date(utcTime(text)).toISOString()).toBe(time);
});

test.each(['', 'soon', '2026-13-01', '12:00'])('%j is no time', (text) => {
  expect(utcTime(text)).toBeNaN();
});
