import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { fieldBounds } from '../../core/canonical-csv.ts';
import type { Schema } from '../../core/schema.ts';
import { ColumnValues } from './column-values.ts';
import { codecOf, type ParquetCompression, packers } from './packing.ts';
import { type StoredType, storedTypeOf } from './stored-type.ts';
import { rowGroupOf, type WrittenGroup, writtenGroup } from './written-group.ts';

/** What was written so far; JSON, kept in the ledger, so that another process writes the rest of the file. */
export interface ParquetState {
  /** The columns with their types, as the first rows had them: a continued run no longer knows those of predictions. */
  readonly columns: Schema['columns'];
  readonly groups: readonly WrittenGroup[];
}

/** Rows as canonical records. */
export interface CanonicalRows {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

const CREATED_BY = 'Sluice';

/** One row group of the rows. @param offset bytes of the file before it. */
export async function parquetGroup(
  rows: readonly CanonicalRows[],
  state: ParquetState,
  compression: ParquetCompression,
  offset: number,
): Promise<{ readonly bytes: Uint8Array; readonly state: ParquetState }> {
  const types = state.columns.map(storedTypeOf);
  const columns = types.map((type) => new ColumnValues(type));
  for (const block of rows) takeRows(columns, block);
  const count = columns[0]?.values.length ?? 0;
  if (count === 0) return { bytes: new Uint8Array(0), state };
  const { writer, parquet } = writerAt(offset, types, compression);
  await parquet.write({
    columnData: columns.map(({ name, values }) => ({ name, data: values, offsetIndex: false })),
    rowGroupSize: count,
  });
  const group: RowGroup = parquet.row_groups[0]!;
  return {
    bytes: writer.getBytes(),
    state: { ...state, groups: [...state.groups, writtenGroup(group, elementsOf(types))] },
  };
}

/** The footer, with which the file is whole. */
export async function parquetTrailer(
  state: ParquetState,
  compression: ParquetCompression,
  offset: number,
): Promise<Uint8Array> {
  const types = state.columns.map(storedTypeOf);
  const { writer, parquet } = writerAt(offset, types, compression);
  parquet.row_groups = state.groups.map((group) => rowGroupOf(group, elementsOf(types), compression));
  parquet.num_rows = BigInt(state.groups.reduce((sum, { rows }) => sum + rows, 0));
  await parquet.finish();
  return writer.getBytes();
}

/** The library's writer in the middle of a file: it writes its magic first, which is taken back, and counts from `offset` on. */
function writerAt(offset: number, types: readonly StoredType[], compression: ParquetCompression) {
  const writer = new ByteWriter();
  const root: SchemaElement = { name: 'schema', num_children: types.length };
  const parquet = new ParquetWriter({
    writer,
    schema: [root, ...elementsOf(types)],
    codec: codecOf(compression),
    compressors: packers,
    createdBy: CREATED_BY,
  });
  writer.index = 0;
  writer.offset = offset;
  return { writer, parquet };
}

function elementsOf(types: readonly StoredType[]): SchemaElement[] {
  return types.map(({ element }) => element);
}

function takeRows(columns: readonly ColumnValues[], { bytes, ends }: CanonicalRows): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const bounds = new Uint32Array(2 * columns.length);
  for (let row = 0; row < ends.length; row += 1) {
    const start = row === 0 ? 0 : ends[row - 1]!;
    const fields = fieldBounds(bytes, start, bounds);
    for (let i = 0; i < fields; i += 1) columns[i]!.push(buffer, bounds[2 * i]!, bounds[2 * i + 1]!);
  }
}
