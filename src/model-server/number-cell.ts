const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;
const MINUS = 0x2d;
const decoder = new TextDecoder();

/** Words that stand for a missing number or date, besides the empty cell. */
const MISSING: ReadonlySet<string> = new Set(['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL', 'None']);

const NUMBER = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/;

export function isMissing(text: string): boolean {
  return MISSING.has(text);
}

/** A text as a number: NaN for a missing one, null for what is no number. */
export function numberOfText(text: string): number | null {
  if (isMissing(text)) return Number.NaN;
  return NUMBER.test(text) ? Number(text) : null;
}

/**
 * The bytes from `start` to `end` as a number: NaN for a missing one, null for what is no number. Plain decimals of up to 15 digits,
 * which is nearly all there are, are read without making a text: such a quotient is rounded right, as both parts are exact.
 */
export function numberOfBytes(bytes: Uint8Array, start: number, end: number): number | null {
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative) at += 1;
  let digits = 0;
  let decimals = -1;
  let mantissa = 0;
  for (; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + byte - ZERO;
      digits += 1;
      if (decimals >= 0) decimals += 1;
    } else if (byte === POINT && decimals < 0) {
      decimals = 0;
    } else {
      digits = 0;
      break;
    }
  }
  if (digits === 0 || digits > 15) return numberOfText(decoder.decode(bytes.subarray(start, end)));
  const value = decimals > 0 ? mantissa / 10 ** decimals : mantissa;
  return negative ? -value : value;
}
