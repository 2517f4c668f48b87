import { ByteWriter } from '../../core/byte-writer.ts';
import { fieldBounds } from '../../core/canonical-csv.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';
import { type CellKind, cellKind, writeCellJson } from './cell-json.ts';

/** How rows are written in JSON: `{"a":1,"b":2}`, `[1,2]`, or all of a column together: `{"a":[1],"b":[2]}`. */
export type RowsAs = 'objects' | 'lists' | 'columns';

const COMMA = 0x2c;
const encoder = new TextEncoder();

/** The rows of a batch as JSON. @param textColumns columns that are text though they may look like numbers. */
export function writeRowsJson(out: ByteWriter, batch: RowBatch, as: RowsAs, textColumns: ReadonlySet<string>): void {
  const names = columnNames(batch.schema);
  const kinds = batch.schema.columns.map(
    ({ name, type }): CellKind => (textColumns.has(name) ? 'text' : cellKind(type)),
  );
  const keys = names.map((name) => encoder.encode(`${JSON.stringify(name)}:`));
  if (as === 'columns') {
    writeColumns(out, batch, keys, kinds);
    return;
  }
  const { bytes } = batch;
  const bounds = new Uint32Array(2 * names.length);
  out.ascii('[');
  for (let row = 0; row < batch.rows; row += 1) {
    if (row > 0) out.byte(COMMA);
    fieldBounds(bytes, batch.start(row), bounds);
    out.ascii(as === 'objects' ? '{' : '[');
    for (let column = 0; column < names.length; column += 1) {
      if (column > 0) out.byte(COMMA);
      if (as === 'objects') out.bytes(keys[column]!, 0, keys[column]!.length);
      writeCellJson(out, bytes, bounds[2 * column]!, bounds[2 * column + 1]!, kinds[column]!);
    }
    out.ascii(as === 'objects' ? '}' : ']');
  }
  out.ascii(']');
}

function writeColumns(out: ByteWriter, batch: RowBatch, keys: readonly Uint8Array[], kinds: readonly CellKind[]): void {
  const bounds = allBounds(batch);
  const step = 2 * keys.length;
  out.ascii('{');
  for (const [column, key] of keys.entries()) {
    if (column > 0) out.byte(COMMA);
    out.bytes(key, 0, key.length);
    out.ascii('[');
    for (let row = 0; row < batch.rows; row += 1) {
      if (row > 0) out.byte(COMMA);
      const at = row * step + 2 * column;
      writeCellJson(out, batch.bytes, bounds[at]!, bounds[at + 1]!, kinds[column]!);
    }
    out.ascii(']');
  }
  out.ascii('}');
}

/** Start and end of every field of every row, in turn. */
export function allBounds(batch: RowBatch): Uint32Array {
  const step = 2 * batch.schema.columns.length;
  const bounds = new Uint32Array(step * batch.rows);
  for (let row = 0; row < batch.rows; row += 1)
    fieldBounds(batch.bytes, batch.start(row), bounds.subarray(row * step, (row + 1) * step));
  return bounds;
}
