import { isUtf8 } from 'node:buffer';
import type { BatchLimits } from '../../core/batch-limits.ts';
import { COMMA, fieldBounds, LF, QUOTE } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';
import { RecycledBuffers } from '../../core/recycled-buffers.ts';
import { RowBatch } from '../../core/row-batch.ts';
import type { ColumnCursor } from './column-cursor.ts';
import { FlatColumn } from './flat-column.ts';
import { LeafPages } from './leaf-pages.ts';
import { leafTypeOf } from './leaf-type.ts';
import { NestedColumn } from './nested-column.ts';
import type { ChunkPlace, ParquetFile } from './parquet-file.ts';
import type { RangedObject } from './ranged-object.ts';
import { RecordBuffer } from './record-buffer.ts';

/** What is read of one row group. */
export interface GroupRead {
  readonly file: ParquetFile;
  readonly group: number;
  /** The split, for origins. */
  readonly split: string;
  readonly after: Position | null;
  readonly limits: BatchLimits;
}

/** Beyond the bytes of a batch there is the row that was too much for it. */
const SLACK_BYTES = 64 * 1024;
/** A buffer for batches larger than this is not kept. */
const KEPT_BYTES = 8 * 1024 * 1024;

/**
 * The rows of a row group behind `after` as batches, cut by rows and bytes alone. A position is the number of the next row in the group.
 * Holds the compressed bytes of the wanted columns of this one row group, one decoded page of each (of a nested column all of them), and a batch.
 */
export async function* readRowGroup(read: GroupRead, signal: AbortSignal): AsyncGenerator<RowBatch, void> {
  const { file, group, split, limits } = read;
  const { rows } = file.groups[group]!;
  let first = rowOf(read.after, split);
  if (first >= rows) return;
  const columns = await openColumns(read, signal);
  for (const column of columns) column.skip(first);
  const buffers = new RecycledBuffers(Math.min(limits.bytes, KEPT_BYTES) + SLACK_BYTES, 4);
  let after = read.after;
  // The row that was too much for the batch before.
  let carried = new Uint8Array(0);
  let next = first;
  while (first < rows) {
    signal.throwIfAborted();
    const { rows: mostRows, bytes: mostBytes } = limits;
    const block = buffers.take(Math.min(mostBytes, KEPT_BYTES) + SLACK_BYTES);
    const out = new RecordBuffer(block);
    out.putField(carried, 0, carried.length);
    const ends: number[] = carried.length > 0 ? [carried.length] : [];
    carried = new Uint8Array(0);
    while (next < rows && ends.length < mostRows) {
      const start = out.at;
      putRecord(out, columns);
      next += 1;
      if (out.at > mostBytes && ends.length > 0) {
        carried = out.bytes.slice(start, out.at);
        out.at = start;
        break;
      }
      ends.push(out.at);
    }
    const bytes = out.bytes.subarray(0, out.at);
    if (!isUtf8(bytes)) throw encodingFault(read, first, bytes, ends);
    const position: Position = { row: first + ends.length };
    const origin = { split, firstRow: first, after, position, rejected: [] };
    after = position;
    first += ends.length;
    yield RowBatch.fromCsv(file.schema, origin, bytes, Uint32Array.from(ends), () => buffers.give(block));
  }
}

function putRecord(out: RecordBuffer, columns: readonly ColumnCursor[]): void {
  const start = out.at;
  for (let i = 0; i < columns.length; i += 1) {
    if (i > 0) {
      out.reserve(1);
      out.bytes[out.at++] = COMMA;
    }
    columns[i]!.put(out);
  }
  out.reserve(3);
  // An empty line is no record.
  if (out.at === start) {
    out.bytes[out.at++] = QUOTE;
    out.bytes[out.at++] = QUOTE;
  }
  out.bytes[out.at++] = LF;
}

function rowOf(after: Position | null, split: string): number {
  if (after === null) return 0;
  const row =
    typeof after === 'object' && !Array.isArray(after) ? (after as { readonly row?: unknown }).row : undefined;
  if (Number.isSafeInteger(row) && (row as number) >= 0) return row as number;
  throw new SluiceError('LEDGER_BROKEN', `${split}: ${JSON.stringify(after)} is no position in a row group`);
}

async function openColumns(read: GroupRead, signal: AbortSignal): Promise<ColumnCursor[]> {
  const { file, group } = read;
  const { rows } = file.groups[group]!;
  const places = file.columns.map((column) => file.chunks(group, column));
  const bytes = await fetchChunks(file.object, places.flat(), signal);
  return file.columns.map(({ name, tree, flat }, i) => {
    const place = { name: file.object.name, group, column: name };
    const chunks = places[i]!.map((found) => ({ meta: found.chunk.meta_data, bytes: bytes.get(found)! }));
    if (!flat) return new NestedColumn(tree, chunks, rows, place);
    const { element } = tree;
    const definition = element.repetition_type === 'REQUIRED' ? 0 : 1;
    const chunk = { ...chunks[0]!, element, definition, repetition: 0, most: rows };
    return new FlatColumn(new LeafPages(chunk, place), leafTypeOf(element), place);
  });
}

/** What lies between two chunks, an index perhaps, is read with them rather than asking twice. */
const GAP_BYTES = 16 * 1024;

/** The bytes of chunks; neighbours come by one request. */
async function fetchChunks(
  object: RangedObject,
  places: readonly ChunkPlace[],
  signal: AbortSignal,
): Promise<ReadonlyMap<ChunkPlace, Uint8Array>> {
  const runs: { readonly from: number; end: number; readonly places: ChunkPlace[] }[] = [];
  for (const place of places.toSorted((a, b) => a.from - b.from)) {
    const last = runs.at(-1);
    const end = place.from + place.bytes;
    if (last === undefined || place.from - last.end > GAP_BYTES) runs.push({ from: place.from, end, places: [place] });
    else {
      last.places.push(place);
      last.end = Math.max(last.end, end);
    }
  }
  const found = new Map<ChunkPlace, Uint8Array>();
  for (const { from, end, places: members } of runs) {
    const bytes = await object.read(from, end - from, signal);
    for (const place of members) {
      found.set(place, bytes.subarray(place.from - from, place.from - from + place.bytes));
    }
  }
  return found;
}

/** The first field that is no UTF-8. */
function encodingFault(read: GroupRead, first: number, bytes: Uint8Array, ends: readonly number[]): SluiceError {
  const { file, group } = read;
  const row = ends.findIndex((end, i) => !isUtf8(bytes.subarray(ends[i - 1] ?? 0, end)));
  const bounds = new Uint32Array(2 * file.columns.length);
  fieldBounds(bytes, ends[row - 1] ?? 0, bounds);
  const column = file.columns.findIndex((_, i) => !isUtf8(bytes.subarray(bounds[2 * i], bounds[2 * i + 1])));
  return new SluiceError(
    'INTAKE_ENCODING',
    `${file.object.name}, row group ${group}, row ${first + row}: column "${file.columns[column]?.name}" is said to be text and is not valid UTF-8. ` +
      'Write it as UTF-8, or as a column of bytes.',
  );
}
