import type { ColumnChunk, RowGroup, SchemaTree } from 'hyparquet';
import { SluiceError } from '../../core/error.ts';
import type { Column, Schema } from '../../core/schema.ts';
import { assertReadableCodec } from './codec-bytes.ts';
import { readFooter } from './footer.ts';
import { leafColumn, leafTypeOf } from './leaf-type.ts';
import { brokenParquet, type ParquetPlace, takenApart, unsupportedParquet } from './parquet-fault.ts';
import type { RangedObject } from './ranged-object.ts';

/** One leaf of a column in one row group. */
export interface ChunkPlace {
  readonly chunk: ColumnChunk & { readonly meta_data: NonNullable<ColumnChunk['meta_data']> };
  readonly from: number;
  readonly bytes: number;
}

/** A column that is wanted. */
interface WantedColumn {
  readonly name: string;
  readonly tree: SchemaTree;
  /** Neither nested nor repeated. */
  readonly flat: boolean;
}

interface RowGroupPlan {
  readonly index: number;
  readonly rows: number;
  /** Of the columns that are wanted. */
  readonly bytes: number;
}

/** An open Parquet file: what it holds, and where. */
export interface ParquetFile {
  readonly object: RangedObject;
  readonly schema: Schema;
  readonly columns: readonly WantedColumn[];
  readonly groups: readonly RowGroupPlan[];
  /** Where the leaves of a column are. Throws PARQUET_UNSUPPORTED for what is not read. */
  chunks(group: number, column: WantedColumn): readonly ChunkPlace[];
}

/** The magic that a file begins with. */
const FIRST_BYTE = 4;

/**
 * Opens a file by its footer.
 * @param wanted names of columns, in the order in which they are wanted; null for all, as the file has them.
 */
export async function openParquetFile(
  object: RangedObject,
  wanted: readonly string[] | null,
  signal: AbortSignal,
): Promise<ParquetFile> {
  const { metadata, columns: trees } = await readFooter(object, signal);
  const columns = wantedColumns(object.name, trees, wanted);
  const chunks = (group: number, { name }: WantedColumn): readonly ChunkPlace[] => {
    const place = { name: object.name, group, column: name };
    const found = metadata.row_groups[group]!.columns.filter(
      ({ meta_data }) => meta_data === undefined || meta_data.path_in_schema[0] === name,
    );
    if (found.length === 0) throw brokenParquet(place, 'the footer does not say where it is');
    return found.map((chunk) => chunkPlace(chunk, object.bytes, place));
  };
  const planOf = (group: RowGroup, index: number): RowGroupPlan => {
    const bytes = group.columns
      .filter(({ meta_data }) => columns.some(({ name }) => name === meta_data?.path_in_schema[0]))
      .reduce((sum, { meta_data }) => sum + Number(meta_data?.total_compressed_size ?? 0), 0);
    return { index, rows: Number(group.num_rows), bytes };
  };
  // The footer may lack anything, whatever its type says.
  const groups = takenApart(object, () => metadata.row_groups.map(planOf));
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  if (rows !== Number(metadata.num_rows)) {
    throw brokenParquet(
      { name: object.name },
      `its row groups hold ${rows} rows, and the footer says ${metadata.num_rows}`,
    );
  }
  return {
    object,
    schema: { columns: columns.map((column) => columnOf(column, object.name)) },
    columns,
    groups,
    chunks: (group, column) =>
      takenApart({ name: object.name, group, column: column.name }, () => chunks(group, column)),
  };
}

function wantedColumns(name: string, trees: readonly SchemaTree[], wanted: readonly string[] | null): WantedColumn[] {
  const found = new Map<string, SchemaTree>();
  for (const tree of trees) {
    const column = tree.element.name;
    if (found.has(column)) throw unsupportedParquet({ name }, `two columns are named ${JSON.stringify(column)}`);
    found.set(column, tree);
  }
  if (found.size === 0) throw brokenParquet({ name }, 'it has no columns');
  return (wanted ?? [...found.keys()]).map((column) => {
    const tree = found.get(column);
    if (tree === undefined) {
      throw new SluiceError(
        'COLUMN_UNKNOWN',
        `The setting \`columns\` names ${JSON.stringify(column)}, which ${name} does not have; it has ${[...found.keys()].join(', ')}.`,
      );
    }
    const flat = tree.children.length === 0 && tree.element.repetition_type !== 'REPEATED';
    return { name: column, tree, flat };
  });
}

function columnOf({ name, tree, flat }: WantedColumn, file: string): Column {
  if (!flat) return { name, type: 'string' };
  return takenApart({ name: file, column: name }, () => leafColumn(name, leafTypeOf(tree.element)));
}

function chunkPlace(chunk: ColumnChunk, fileBytes: number, place: ParquetPlace): ChunkPlace {
  const { meta_data: meta } = chunk;
  if (meta === undefined || chunk.crypto_metadata !== undefined) {
    throw unsupportedParquet(place, 'it is encrypted, and keys are not taken');
  }
  if (chunk.file_path) throw unsupportedParquet(place, `its data is in another file (${chunk.file_path})`);
  assertReadableCodec(meta.codec, place);
  // The dictionary comes first; some writers do not say where it is, and let the data begin with it.
  const starts = [meta.dictionary_page_offset, meta.data_page_offset].map(Number).filter((at) => at >= FIRST_BYTE);
  const from = Math.min(...starts);
  const bytes = Number(meta.total_compressed_size);
  if (!(bytes >= 0 && from + bytes <= fileBytes)) {
    throw brokenParquet(place, `${bytes} bytes from ${from} on are outside of the file's ${fileBytes}`);
  }
  return { chunk: { ...chunk, meta_data: meta }, from, bytes };
}
