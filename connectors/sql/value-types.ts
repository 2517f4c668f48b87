import { decodeRecord } from '../../src/sdk.ts';
import type { CanonicalRows } from './driver.ts';
import type { SqlColumn } from './sql-column.ts';

type ColumnType = NonNullable<SqlColumn['type']>;
type Meaning = Pick<SqlColumn, 'type' | 'exact'>;

/** A date and time without a zone: a wall clock's. One with a zone would come back from a database in another one. */
const WALL_CLOCK = 'local-timestamp-micros';

/** Forms that come back from a column of the type as they were written, but for numbers (0.10 and 0.1). Zeros before a number make a text of it. */
const FORMS: readonly (readonly [ColumnType | typeof WALL_CLOCK, RegExp])[] = [
  ['boolean', /^(?:true|false)$/],
  ['integer', /^(?:0|-?[1-9]\d{0,17})$/],
  ['number', /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/],
  ['date', /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$/],
  [WALL_CLOCK, /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[ T](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?$/],
];

/** Rows that are looked at, spread evenly. */
const SAMPLE_ROWS = 20_000;

/**
 * The types of columns whose source does not know them, by the values of a sample: the narrowest that takes all of them, text where there is none.
 * Numbers with more digits than a double has stay text.
 */
export function sampledTypes({ bytes, ends }: CanonicalRows, columns: number): readonly Meaning[] {
  const possible = Array.from({ length: columns }, () => FORMS);
  const seen = Array.from({ length: columns }, () => false);
  const step = Math.max(1, Math.floor(ends.length / SAMPLE_ROWS));
  for (let row = 0; row < ends.length; row += step) {
    const record = decodeRecord(bytes, row === 0 ? 0 : ends[row - 1]!, ends[row]!);
    for (const [at, value] of record.entries()) {
      if (value === null || at >= columns) continue;
      seen[at] = true;
      possible[at] = possible[at]!.filter(([type, form]) => form.test(value) && is(type, value));
    }
  }
  return possible.map((forms, at) => {
    const type = (seen[at] ? forms[0]?.[0] : undefined) ?? 'string';
    return type === WALL_CLOCK ? { type: 'string', exact: WALL_CLOCK } : { type };
  });
}

/** What a form alone does not show. */
function is(type: (typeof FORMS)[number][0], text: string): boolean {
  if (type === 'number') return isDouble(text);
  return (type !== 'date' && type !== WALL_CLOCK) || isDay(text.slice(0, 10));
}

/** Whether the calendar has the day: databases refuse 30 February, and the year 0. */
function isDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
  return year > 0 && new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

function isDouble(text: string): boolean {
  return text.replace(/[eE].*$/, '').replaceAll(/[-.]|^0+(?=\d)/g, '').length <= 17 && Number.isFinite(Number(text));
}
