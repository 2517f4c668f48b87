import { COMMA, encodeField } from '../../../core/canonical-csv.ts';
import { ESCAPED, MISSING, NESTED, type ObjectScanner, PLAIN } from './object-scanner.ts';

/** Values longer than this are copied by a call; shorter ones sooner by a loop. */
const LONG = 48;

/** Bytes that a row may take of an object of `length` bytes: each byte of nested text may be doubled, a missing field is a comma. */
export function rowRoom(length: number, columns: number): number {
  return 2 * length + columns + 8;
}

/**
 * Writes the object that was scanned last as a canonical record, without its LF; returns the offset just past it. A record of a single
 * null comes out empty.
 */
export function writeRow(
  bytes: Buffer,
  { kinds, starts, ends }: ObjectScanner,
  columns: number,
  out: Buffer,
  at: number,
): number {
  let write = at;
  for (let column = 0; column < columns; column += 1) {
    if (column > 0) out[write++] = COMMA;
    const kind = kinds[column]!;
    if (kind === MISSING) continue;
    let start = starts[column]!;
    let end = ends[column]!;
    if (kind === ESCAPED || kind === NESTED) {
      const source = bytes.toString('utf8', start, end);
      const text = kind === NESTED ? source : (JSON.parse(source) as string);
      write += out.write(encodeField(text), write);
      continue;
    }
    if (kind === PLAIN) {
      start += 1;
      end -= 1;
    }
    if (end - start > LONG) {
      out.set(bytes.subarray(start, end), write);
      write += end - start;
    } else {
      for (let i = start; i < end; i += 1) out[write++] = bytes[i]!;
    }
  }
  return write;
}
