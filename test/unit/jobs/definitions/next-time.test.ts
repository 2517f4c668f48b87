import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextTime } from '../../../../src/jobs/definitions/next-time.ts';
import { type Schedule, scheduleFields } from '../../../../src/jobs/definitions/schedule-fields.ts';

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** The rules again, one minute at a time. */
function isTime(schedule: Schedule, ms: number): boolean {
  const date = new Date(ms);
  const has = (list: readonly (number | string)[], value: number, name = ''): boolean =>
    list.some(
      (entry) =>
        entry === '*' || Number(entry) === value || (name !== '' && String(entry).slice(0, 3).toLowerCase() === name),
    );
  const dayOfMonth = has(schedule.dayOfMonth, date.getUTCDate());
  const dayOfWeek = has(schedule.dayOfWeek, date.getUTCDay(), DAYS[date.getUTCDay()]);
  const areBothGiven = schedule.dayOfMonth[0] !== '*' && schedule.dayOfWeek[0] !== '*';
  return (
    has(schedule.minute, date.getUTCMinutes()) &&
    has(schedule.hour, date.getUTCHours()) &&
    has(schedule.month, date.getUTCMonth() + 1, MONTHS[date.getUTCMonth()]) &&
    (areBothGiven ? dayOfMonth || dayOfWeek : dayOfMonth && dayOfWeek)
  );
}

function walk(schedule: Schedule, after: number, days: number): number | null {
  const first = (Math.floor(after / MINUTE) + 1) * MINUTE;
  for (let at = first; at < after + days * DAY; at += MINUTE) {
    if (isTime(schedule, at)) return at;
    // Days of which nothing is so are passed over at once: their midnight shows it with all hours and minutes allowed.
    const wholeDay = { ...schedule, minute: ['*'], hour: ['*'] };
    if (at % DAY === 0) while (!isTime(wholeDay, at) && at < after + days * DAY) at += DAY;
    if (isTime(schedule, at)) return at;
  }
  return null;
}

const list = (least: number, most: number, names: readonly string[] = []): fc.Arbitrary<(number | string)[]> => {
  const number = fc.integer({ min: least, max: most });
  const entry: fc.Arbitrary<number | string> =
    names.length === 0
      ? number
      : fc.oneof(number, fc.constantFrom(...names, ...names.map((name) => name.toUpperCase())));
  return fc.oneof(fc.constant<(number | string)[]>(['*']), fc.array(entry, { minLength: 1, maxLength: 4 }));
};

const schedules: fc.Arbitrary<Schedule> = fc.record({
  minute: list(0, 59),
  hour: list(0, 23),
  month: list(1, 12, [...MONTHS, 'february', 'September']),
  dayOfMonth: list(1, 31),
  dayOfWeek: list(0, 6, [...DAYS, 'Monday', 'sunday']),
});

describe('F56: the next time of a schedule', () => {
  test('is the one that walking the minutes finds', () => {
    const start = fc.integer({ min: Date.UTC(2023, 0, 1), max: Date.UTC(2029, 0, 1) });
    fc.assert(
      fc.property(schedules, start, (schedule, after) => {
        const walked = walk(schedule, after, 800);
        const next = nextTime(schedule, after);
        // Within the days that were walked both see the same; beyond them lie the 29ths of February.
        expect(next !== null && next < after + 800 * DAY ? next : null).toBe(walked);
      }),
      { numRuns: 400 },
    );
  });

  const all: Schedule = { minute: [0], hour: [0], month: ['*'], dayOfMonth: ['*'], dayOfWeek: ['*'] };
  const from = Date.UTC(2026, 0, 1);

  test.each([
    ['the union of both day fields', { ...all, dayOfMonth: [15], dayOfWeek: ['MON'] }, '2026-01-05'],
    ['weekdays alone', { ...all, dayOfWeek: ['Tuesday'] }, '2026-01-06'],
    ['a day that most months do not have', { ...all, dayOfMonth: [31], month: [4, 5] }, '2026-05-31'],
    ['a leap day', { ...all, dayOfMonth: [29], month: ['feb'] }, '2028-02-29'],
  ])('takes %s', (_, schedule, date) => {
    expect(nextTime(schedule, from)).toBe(Date.parse(date));
  });

  test('is null for a date that never comes', () => {
    expect(nextTime({ ...all, dayOfMonth: [30], month: [2] }, from)).toBeNull();
  });

  test('never is the time it is asked after', () => {
    expect(nextTime(all, from)).toBe(from + DAY);
    expect(nextTime(all, from - 1)).toBe(from);
  });
});

describe('a schedule as clients send it', () => {
  const hourly = { minute: [0], hour: ['*'], month: ['*'], dayOfMonth: ['*'], dayOfWeek: ['*'] };

  test.each([
    ['an object', hourly, hourly],
    ['a list of one object', [hourly], hourly],
    ['an empty object', {}, null],
    ['null', null, null],
    ['an empty list', [], null],
  ])('is taken as %s', (_, given, taken) => {
    expect(scheduleFields.parse(given)).toEqual(taken);
  });

  test.each([
    ['60 minutes', { ...hourly, minute: [60] }],
    ['a day of the week 7', { ...hourly, dayOfWeek: [7] }],
    ['an unknown name', { ...hourly, month: ['jam'] }],
    ['a fraction', { ...hourly, hour: [1.5] }],
    ['* beside something else', { ...hourly, hour: ['*', 3] }],
    ['an empty list', { ...hourly, hour: [] }],
    ['a missing list', { minute: [0], hour: [0] }],
    ['cron steps', { ...hourly, minute: ['*/5'] }],
    ['two schedules', [hourly, hourly]],
  ])('is refused with %s', (_, given) => {
    expect(scheduleFields.safeParse(given).success).toBe(false);
  });
});
