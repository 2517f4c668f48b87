import { plainDecimal } from '../core/decimal.ts';

const decoder = new TextDecoder();

/** Words that stand for a missing number or date, besides the empty cell. */
const MISSING: ReadonlySet<string> = new Set(['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL', 'None']);

const NUMBER = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$/;

export function isMissing(text: string): boolean {
  return MISSING.has(text);
}

/** A text as a number: NaN for a missing one, null for what is no number. */
export function numberOfText(text: string): number | null {
  if (isMissing(text)) return Number.NaN;
  return NUMBER.test(text) ? Number(text) : null;
}

/** The bytes from `start` to `end` as a number: NaN for a missing one, null for what is no number. */
export function numberOfBytes(bytes: Uint8Array, start: number, end: number): number | null {
  return plainDecimal(bytes, start, end) ?? numberOfText(decoder.decode(bytes.subarray(start, end)));
}
