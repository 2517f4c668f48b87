import type { CanonicalRows } from '../driver.ts';

const LF = 0x0a;

/** The index of the row that the server speaks of by the number of a line: it counts those within fields, too, and names a row's last. */
export function rowOfLine(rows: CanonicalRows, line: number): number | undefined {
  let at = -1;
  for (let count = 0; count < line; count += 1) {
    at = rows.bytes.indexOf(LF, at + 1);
    if (at < 0) return undefined;
  }
  const row = rowAt(rows, at);
  return row < rows.ends.length ? row : undefined;
}

/** The row that holds a byte: the first one that ends behind it. */
function rowAt({ ends }: CanonicalRows, at: number): number {
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}

const BACKSLASH = 0x5c;
const DOT = 0x2e;

/**
 * The rows that have a line of `\.` and nothing else, in their fields or as a whole: servers before version 18 take it for the end of all
 * rows, within quotes too.
 */
export function rowsWithEndMark(rows: CanonicalRows): readonly number[] {
  const { bytes } = rows;
  const found = new Set<number>();
  for (let at = bytes.indexOf(BACKSLASH); at >= 0; at = bytes.indexOf(BACKSLASH, at + 1)) {
    const isAlone = (at === 0 || bytes[at - 1] === LF) && bytes[at + 1] === DOT && bytes[at + 2] === LF;
    if (isAlone) found.add(rowAt(rows, at));
  }
  return [...found];
}

/** The rows `from` to `to` (exclusive). */
export function someRows({ bytes, ends }: CanonicalRows, from: number, to: number): CanonicalRows {
  const base = from === 0 ? 0 : ends[from - 1]!;
  const some = ends.slice(from, to).map((end) => end - base);
  return { bytes: bytes.subarray(base, base + (some.at(-1) ?? 0)), ends: some };
}
