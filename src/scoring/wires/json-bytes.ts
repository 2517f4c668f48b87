const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** What may stand for a value, besides numbers; the last three as Python's json module writes them. */
const words = ['null', 'true', 'false', 'NaN', 'Infinity', '-Infinity'].map((word) => Buffer.from(word));

/**
 * The ways through the bytes of a JSON text that make no value of what is passed by. All throw a SyntaxError where the text is
 * none, or breaks off. Numbers are taken with leading zeros, and NaN and Infinity are words, as servers write them.
 */

export function skipSpace(bytes: Uint8Array, from: number): number {
  let at = from;
  while (bytes[at]! <= SPACE) at += 1;
  return at;
}

/** The offset past the number at `at`; -1 when there is none. */
export function numberEnd(bytes: Uint8Array, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const first = at;
  while (isDigit(bytes[at])) at += 1;
  if (at === first) return -1;
  if (bytes[at] === POINT) {
    const point = at;
    at += 1;
    while (isDigit(bytes[at])) at += 1;
    if (at === point + 1) return -1;
  }
  if ((bytes[at]! | 0x20) !== 0x65) return at;
  at += 1;
  if (bytes[at] === MINUS || bytes[at] === 0x2b) at += 1;
  const exponent = at;
  while (isDigit(bytes[at])) at += 1;
  return at === exponent ? -1 : at;
}

/** The offset past the text whose opening quote is at `from`. */
export function stringEnd(bytes: Uint8Array, from: number): number {
  if (bytes[from] !== QUOTE) throw broken(from);
  for (let at = bytes.indexOf(QUOTE, from + 1); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
    let slash = at - 1;
    while (bytes[slash] === BACKSLASH) slash -= 1;
    if ((at - slash) % 2 === 1) return at + 1;
  }
  throw broken(bytes.length);
}

/** The word at `from`, such as null or NaN; null where there is none. */
export function wordAt(bytes: Uint8Array, from: number): string | null {
  const found = words.find((word) => word.every((byte, i) => bytes[from + i] === byte));
  return found?.toString() ?? null;
}

/** The offset past the value at `from`. What is inside of lists and objects is only counted by its brackets. */
export function valueEnd(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  if (first === QUOTE) return stringEnd(bytes, from);
  if (first !== OPEN_LIST && first !== OPEN_OBJECT) {
    const end = numberEnd(bytes, from);
    if (end !== -1) return end;
    const word = wordAt(bytes, from);
    if (word === null) throw broken(from);
    return from + word.length;
  }
  let depth = 0;
  for (let at = from; at < bytes.length; ) {
    const byte = bytes[at]!;
    if (byte === QUOTE) {
      at = stringEnd(bytes, at);
      continue;
    }
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    at += 1;
    if (depth === 0) return at;
  }
  throw broken(bytes.length);
}

/**
 * Visits the values of the list at `from` in turn.
 * @param visit gives the offset past the value.
 * @returns the offset past the list.
 */
export function eachItem(bytes: Uint8Array, from: number, visit: (at: number, index: number) => number): number {
  if (bytes[from] !== OPEN_LIST) throw broken(from);
  let at = skipSpace(bytes, from + 1);
  if (bytes[at] === CLOSE_LIST) return at + 1;
  for (let index = 0; ; index += 1) {
    at = skipSpace(bytes, visit(at, index));
    if (bytes[at] === CLOSE_LIST) return at + 1;
    if (bytes[at] !== COMMA) throw broken(at);
    at = skipSpace(bytes, at + 1);
  }
}

/** The same for the members of an object. @param visit gets the bounds of the name, quotes included, before the value's offset. */
export function eachMember(
  bytes: Uint8Array,
  from: number,
  visit: (nameStart: number, nameEnd: number, at: number) => number,
): number {
  if (bytes[from] !== OPEN_OBJECT) throw broken(from);
  let at = skipSpace(bytes, from + 1);
  if (bytes[at] === CLOSE_OBJECT) return at + 1;
  for (;;) {
    const nameEnd = stringEnd(bytes, at);
    const colon = skipSpace(bytes, nameEnd);
    if (bytes[colon] !== COLON) throw broken(colon);
    at = skipSpace(bytes, visit(at, nameEnd, skipSpace(bytes, colon + 1)));
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    if (bytes[at] !== COMMA) throw broken(at);
    at = skipSpace(bytes, at + 1);
  }
}

/** The value between two offsets, made by JSON.parse. */
export function parsed(bytes: Uint8Array, from: number, to: number): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8'));
}

/** The name between two offsets. */
export function nameAt(bytes: Uint8Array, from: number, to: number): string {
  return String(parsed(bytes, from, to));
}

/**
 * Goes through a whole text, and visits the value that the steps lead to.
 * @param visit gives the offset past the value.
 * @returns whether there is such a value.
 */
export function visitValue(bytes: Uint8Array, steps: readonly string[], visit: (at: number) => number): boolean {
  let found = false;
  const value = (at: number, depth: number): number => {
    if (depth === steps.length) {
      found = true;
      return visit(at);
    }
    const step = steps[depth]!;
    if (bytes[at] === OPEN_OBJECT) {
      return eachMember(bytes, at, (start, end, inner) =>
        !found && nameAt(bytes, start, end) === step ? value(inner, depth + 1) : valueEnd(bytes, inner),
      );
    }
    if (bytes[at] === OPEN_LIST) {
      return eachItem(bytes, at, (inner, index) =>
        !found && String(index) === step ? value(inner, depth + 1) : valueEnd(bytes, inner),
      );
    }
    return valueEnd(bytes, at);
  };
  const end = skipSpace(bytes, value(skipSpace(bytes, 0), 0));
  if (end !== bytes.length) throw broken(end);
  return found;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function broken(at: number): SyntaxError {
  return new SyntaxError(`no JSON at byte ${at}`);
}
