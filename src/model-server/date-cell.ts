import type { DatePart } from './deployment-file.ts';

/** A date as it is written; whatever names a time zone behind it is left out of account. */
export interface WrittenDate {
  year: number;
  month: number;
  day: number;
  hour: number;
}

const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DASH = 0x2d;
const SLASH = 0x2f;
const SPACE = 0x20;
const LETTER_T = 0x54;
const COLON = 0x3a;

/**
 * Reads `2001-06-30`, `2001/06/30 17:05` or `2001-06-30T17:05:00.000Z` from bytes into `date` (allocating nothing) and says whether
 * it is one. Behind the minutes seconds, fractions and an offset may follow.
 */
export function readDate(bytes: Uint8Array, start: number, end: number, date: WrittenDate): boolean {
  if (end - start < 10) return false;
  const separator = bytes[start + 4];
  if ((separator !== DASH && separator !== SLASH) || bytes[start + 7] !== separator) return false;
  date.year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2);
  date.month = twoDigits(bytes, start + 5);
  date.day = twoDigits(bytes, start + 8);
  date.hour = 0;
  if (!(date.year >= 0 && date.month >= 1 && date.day >= 1 && date.day <= (DAYS[date.month - 1] ?? 0))) return false;
  if (date.month === 2 && date.day === 29 && !isLeap(date.year)) return false;
  if (end - start === 10) return true;
  const between = bytes[start + 10];
  if (end - start < 16 || (between !== SPACE && between !== LETTER_T) || bytes[start + 13] !== COLON) return false;
  date.hour = twoDigits(bytes, start + 11);
  const minute = twoDigits(bytes, start + 14);
  return date.hour >= 0 && date.hour < 24 && minute >= 0 && minute < 60 && isTimeTail(bytes, start + 16, end);
}

export function datePart(date: WrittenDate, part: DatePart): number {
  return part === 'weekday' ? weekday(date) : date[part];
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const tens = bytes[at]! - 0x30;
  const ones = bytes[at + 1]! - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Seconds, their fraction and an offset are of no use here, but letters of another kind mean that it is no date. */
function isTimeTail(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 40)));
  return /^(:[0-5]\d([.,]\d{1,9})?)?\s?(Z|UTC|[+-]\d\d(:?\d\d)?)?$/.test(text);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

/** Monday is 0. Zeller's congruence with the year beginning in March; Saturday is its 0. */
function weekday({ year, month, day }: WrittenDate): number {
  const y = month < 3 ? year - 1 : year;
  const m = month < 3 ? month + 12 : month;
  const century = Math.floor(y / 100);
  const zeller =
    day +
    Math.floor((13 * (m + 1)) / 5) +
    (y % 100) +
    Math.floor((y % 100) / 4) +
    Math.floor(century / 4) +
    5 * century;
  return (zeller + 5) % 7;
}
