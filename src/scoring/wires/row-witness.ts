import { SluiceError } from '../../core/error.ts';
import { type Kernel, kernel as sharedKernel } from '../../core/kernel/kernel.ts';
import { RecycledBuffers } from '../../core/recycled-buffers.ts';
import type { RowBatch } from '../../core/row-batch.ts';

const WITNESS = '__sluice_row__';
const encoder = new TextEncoder();

/** A name for the witness column that no column of the rows has. */
export function witnessName(columns: readonly string[]): string {
  let name = WITNESS;
  for (let n = 2; columns.includes(name); n += 1) name = `${WITNESS.slice(0, -2)}_${n}__`;
  return name;
}

/** The body of a request. `release`: it was sent, and nobody reads it any more. */
export interface RequestBody {
  readonly body: Uint8Array;
  readonly release: () => void;
}

/** As large as a body of the batches that jobs use by default gets; larger ones are not kept. */
const BODY_BYTES = 384 * 1024;
const SPARE_BODIES = 16;
const spare = new RecycledBuffers(BODY_BYTES, SPARE_BODIES);

function bodyOf(block: Uint8Array<ArrayBuffer>, length: number): RequestBody {
  return { body: block.subarray(0, length), release: () => spare.give(block) };
}

/** The header line and the rows, as they stand. */
export function plainBody(header: string, batch: RowBatch): RequestBody {
  const line = encoder.encode(header);
  const length = line.length + batch.bytes.length;
  const block = spare.take(length);
  block.set(line, 0);
  block.set(batch.bytes, line.length);
  return bodyOf(block, length);
}

/**
 * The header line and the rows with their numbers, from 0, in one more column at the end.
 * @param header the header line with its LF and the witness in it.
 * @param kernel null to do it without.
 */
export function numberedBody(header: string, batch: RowBatch, kernel: Kernel | null = sharedKernel): RequestBody {
  const { bytes, ends, rows } = batch;
  const line = encoder.encode(header);
  const length = line.length + bytes.length + numberBytes(rows);
  const endings = endingsFor(rows);
  const body = spare.take(length + 2 * WORD);
  body.set(line, 0);
  if (kernel === null || !kernel.number({ bytes, ends }, endings, body, line.length)) {
    numberRows(batch, endings, body, line.length);
  }
  return bodyOf(body, length);
}

/**
 * Copies eight bytes at a time, a little past the end of each row, as the next write puts that right: DataView loads and
 * stores compile to single instructions. A loop over bytes, `set` with a subarray and `Buffer.copy` all take three times
 * as long for rows of 78 bytes.
 */
function numberRows(batch: RowBatch, endings: Uint8Array, body: Uint8Array, start: number): void {
  const { bytes, ends, rows } = batch;
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const to = new DataView(body.buffer, body.byteOffset, body.length);
  const lastWord = bytes.length - WORD;
  const words = new DataView(endings.buffer, endings.byteOffset, endings.byteLength);
  let at = 0;
  let out = start;
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
    to.setBigInt64(out, words.getBigInt64(row * WORD));
    out += width;
    at = end + 1;
  }
}

/** Bytes that one load or store moves, and room for a comma, a number below MAX_ROWS and an LF. */
const WORD = 8;
const MAX_ROWS = 1_000_000;

/** Rows 0 to 999,999 as the end of a record: `,0\n`, `,1\n` and so on, each in one word. Made as far as it is needed. */
let madeEndings: Uint8Array = new Uint8Array(0);

function endingsFor(rows: number): Uint8Array {
  if (rows > MAX_ROWS) throw new SluiceError('REQUEST_TOO_LARGE', `A request holds at most ${MAX_ROWS} rows.`);
  if (madeEndings.length >= rows * WORD) return madeEndings;
  const words = Buffer.alloc(2 ** Math.ceil(Math.log2(rows * WORD)));
  for (let row = 0; row * WORD < words.length && row < MAX_ROWS; row += 1) words.write(`,${row}\n`, row * WORD);
  madeEndings = words;
  return words;
}

/** Bytes of the endings of rows 0 to rows-1, without the LF, which the rows have already. */
function numberBytes(rows: number): number {
  let total = rows;
  for (let digits = 1, from = 0, to = 10; from < rows; digits += 1, from = to, to *= 10) {
    total += digits * (Math.min(rows, to) - from);
  }
  return total;
}
