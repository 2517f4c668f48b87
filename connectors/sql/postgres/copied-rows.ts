import type { CanonicalRows } from '../driver.ts';

const LF = 0x0a;

/** The index of the row that the server speaks of by the number of a line: it counts those within fields, too, and names a row's last. */
export function rowOfLine({ bytes, ends }: CanonicalRows, line: number): number | undefined {
  let at = -1;
  for (let count = 0; count < line; count += 1) {
    at = bytes.indexOf(LF, at + 1);
    if (at < 0) return undefined;
  }
  // The first row that ends behind this line's end, or with it.
  let [low, high] = [0, ends.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low < ends.length ? low : undefined;
}
