import * as z from 'zod';

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');

/** One of DataRobot's lists: whole numbers (or names, where there are such), or the one word `*` for all. */
function times(what: string, least: number, most: number, names: readonly string[] = []) {
  const expected = names.length === 0 ? '' : ', or a name of one';
  const entry = z
    .union([z.int(), z.string()], { error: `must be a whole number from ${least} to ${most}${expected}` })
    .refine((given) => given === '*' || valueOf(given, least, most, names) !== null, {
      error: `must be a whole number from ${least} to ${most}${expected}`,
    });
  return z
    .array(entry)
    .min(1, { error: 'must not be empty; ["*"] stands for all' })
    .max(200)
    .refine((list) => list.length === 1 || !list.includes('*'), { error: 'must have "*" alone, or no "*"' })
    .describe(`${what}: ["*"] for all, or a list from ${least} to ${most}${expected}.`);
}

const lists = z.strictObject({
  minute: times('Minutes', 0, 59),
  hour: times('Hours, UTC', 0, 23),
  month: times('Months', 1, 12, MONTHS),
  dayOfMonth: times('Days of the month', 1, 31),
  dayOfWeek: times('Days of the week, Sunday is 0', 0, 6, DAYS),
});

/** When a definition is run, in UTC. Where both day fields are restricted, a day that fits either of them is taken. */
export type Schedule = z.output<typeof lists>;

/**
 * As clients send it: some wrap it in a list, and say that there is none by an empty object. Null: there is none.
 */
export const scheduleFields = z
  .preprocess(unwrapped, lists.nullable())
  .describe('When it is run, in UTC: five lists. Days that either day field names are taken when both are restricted.');

function unwrapped(given: unknown): unknown {
  const only: unknown = Array.isArray(given) && given.length <= 1 ? (given[0] ?? null) : given;
  return only === undefined || (typeof only === 'object' && only !== null && Object.keys(only).length === 0)
    ? null
    : only;
}

/** Which of the values a list names, ascending; null: all of them. */
export function chosen(schedule: Schedule, field: keyof Schedule): readonly number[] | null {
  const [least, most, names] = RANGES[field];
  const list = schedule[field];
  if (list[0] === '*') return null;
  const values = list.flatMap((entry) => valueOf(entry, least, most, names) ?? []);
  return [...new Set(values)].toSorted((a, b) => a - b);
}

const RANGES: Readonly<Record<keyof Schedule, readonly [number, number, readonly string[]]>> = {
  minute: [0, 59, []],
  hour: [0, 23, []],
  month: [1, 12, MONTHS],
  dayOfMonth: [1, 31, []],
  dayOfWeek: [0, 6, DAYS],
};

/** A number, its digits, or a name: whole or its first three letters, in any case. */
function valueOf(given: number | string, least: number, most: number, names: readonly string[]): number | null {
  if (typeof given === 'string' && !/^\d{1,2}$/.test(given)) {
    const text = given.toLowerCase();
    const place = names.findIndex((name) => name === text || name.slice(0, 3) === text);
    return place < 0 ? null : place + least;
  }
  const value = Number(given);
  return value >= least && value <= most ? value : null;
}
