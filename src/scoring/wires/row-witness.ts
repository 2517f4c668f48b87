import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';

const WITNESS = '__sluice_row__';
const encoder = new TextEncoder();

/** A name for the witness column that no column of the rows has. */
export function witnessName(columns: readonly string[]): string {
  let name = WITNESS;
  for (let n = 2; columns.includes(name); n += 1) name = `${WITNESS.slice(0, -2)}_${n}__`;
  return name;
}

/** The header line and the rows, as they stand. */
export function plainBody(header: string, batch: RowBatch): Uint8Array {
  const line = encoder.encode(header);
  const body = Buffer.allocUnsafe(line.length + batch.bytes.length);
  body.set(line, 0);
  body.set(batch.bytes, line.length);
  return body;
}

/**
 * The header line and the rows with their numbers, from 0, in one more column at the end. Copies eight bytes at a time,
 * a little past the end of each row, as the next write puts that right: DataView loads and stores compile to single
 * instructions. A loop over bytes, `set` with a subarray and `Buffer.copy` all take three times as long for rows of 78 bytes.
 * @param header the header line with its LF and the witness in it.
 */
export function numberedBody(header: string, batch: RowBatch): Uint8Array {
  const { bytes, ends, rows } = batch;
  const line = encoder.encode(header);
  const length = line.length + bytes.length + numberBytes(rows);
  const body = Buffer.allocUnsafe(length + 2 * WORD);
  body.set(line, 0);
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const to = new DataView(body.buffer, body.byteOffset, body.length);
  const lastWord = bytes.length - WORD;
  const endings = endingsFor(rows);
  let at = 0;
  let out = line.length;
  let width = 3;
  let next = 10;
  for (let row = 0; row < rows; row += 1) {
    const end = ends[row]! - 1;
    for (; at < end && at <= lastWord; at += WORD, out += WORD) to.setBigInt64(out, from.getBigInt64(at));
    for (; at < end; at += 1, out += 1) body[out] = bytes[at]!;
    out -= at - end;
    if (row === next) {
      width += 1;
      next *= 10;
    }
    to.setBigInt64(out, endings.getBigInt64(row * WORD));
    out += width;
    at = end + 1;
  }
  return body.subarray(0, length);
}

/** Bytes that one load or store moves, and room for a comma, a number below MAX_ROWS and an LF. */
const WORD = 8;
const MAX_ROWS = 1_000_000;

/** Rows 0 to 999,999 as the end of a record: `,0\n`, `,1\n` and so on, each in one word. Made as far as it is needed. */
let endings = new DataView(new ArrayBuffer(0));

function endingsFor(rows: number): DataView {
  if (rows > MAX_ROWS) throw new SluiceError('REQUEST_TOO_LARGE', `A request holds at most ${MAX_ROWS} rows.`);
  if (endings.byteLength >= rows * WORD) return endings;
  const words = Buffer.alloc(2 ** Math.ceil(Math.log2(rows * WORD)));
  for (let row = 0; row * WORD < words.length && row < MAX_ROWS; row += 1) words.write(`,${row}\n`, row * WORD);
  endings = new DataView(words.buffer, words.byteOffset, words.length);
  return endings;
}

/** Bytes of the endings of rows 0 to rows-1, without the LF, which the rows have already. */
function numberBytes(rows: number): number {
  let total = rows;
  for (let digits = 1, from = 0, to = 10; from < rows; digits += 1, from = to, to *= 10) {
    total += digits * (Math.min(rows, to) - from);
  }
  return total;
}
