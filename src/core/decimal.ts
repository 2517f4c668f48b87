const ZERO = 0x30;
const NINE = 0x39;
const POINT = 0x2e;
const MINUS = 0x2d;

/**
 * The bytes from `start` to `end` as a number, if they are a plain decimal of up to 15 digits, which nearly all are; null for any
 * other text, number or not. Makes no text, and is rounded right: the quotient has two exact parts.
 */
export function plainDecimal(bytes: Uint8Array, start: number, end: number): number | null {
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
      return null;
    }
  }
  if (digits === 0 || digits > 15) return null;
  const value = decimals > 0 ? mantissa / 10 ** decimals : mantissa;
  return negative ? -value : value;
}
