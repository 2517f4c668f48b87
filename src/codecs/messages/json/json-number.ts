const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;

/** The offset just past the JSON number (RFC 8259 §6) that starts at `at`; -1 when there is none. */
export function numberEnd(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  if (bytes[at] === ZERO) {
    at += 1;
  } else {
    at = digitsEnd(bytes, at);
    if (at < 0) return -1;
  }
  if (bytes[at] === POINT) {
    at = digitsEnd(bytes, at + 1);
    if (at < 0) return -1;
  }
  // Both cases of E.
  if ((bytes[at]! | 0x20) === 0x65) {
    const sign = bytes[at + 1];
    at = digitsEnd(bytes, sign === MINUS || sign === PLUS ? at + 2 : at + 1);
  }
  return at;
}

/** Just past one digit or more; -1 when there is none. */
function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  // Where bytes end, undefined - 48 is NaN, which is not less than anything.
  while (bytes[at]! - ZERO >= 0 && bytes[at]! - ZERO <= 9) at += 1;
  return at === from ? -1 : at;
}
