import type { ColumnChunk, RowGroup, SchemaElement } from 'hyparquet';
import { unconvertMinMax } from 'hyparquet-writer/src/unconvert.js';
import type { ParquetCompression } from './packing.ts';
import { codecOf } from './packing.ts';

/** A row group that was written, as JSON: what the footer will say of it. */
export interface WrittenGroup {
  readonly rows: number;
  readonly columns: readonly WrittenChunk[];
}

interface WrittenChunk {
  /** Where its pages begin, the dictionary before the data if there is one. */
  readonly dictionary?: number;
  readonly data: number;
  readonly values: number;
  readonly packed: number;
  readonly unpacked: number;
  readonly encodings: readonly string[];
  readonly nulls: number;
  /** Bounds: text of numbers and booleans, base64 of bytes. */
  readonly min?: string;
  readonly max?: string;
  /** Bounds that were cut short. */
  readonly cut?: readonly ('min' | 'max')[];
}

type Metadata = NonNullable<ColumnChunk['meta_data']>;
type Bound = NonNullable<Metadata['statistics']>['min_value'];

/** What to keep of a group that the library has just written. */
export function writtenGroup(group: RowGroup, elements: readonly SchemaElement[]): WrittenGroup {
  return {
    rows: Number(group.num_rows),
    columns: group.columns.map(({ meta_data }, i) => kept(meta_data!, elements[i]!)),
  };
}

/** The same as the library wants it for the footer. */
export function rowGroupOf(
  group: WrittenGroup,
  elements: readonly SchemaElement[],
  compression: ParquetCompression,
): RowGroup {
  const columns = group.columns.map((chunk, i): ColumnChunk => {
    const element = elements[i]!;
    const meta_data: Metadata = {
      type: element.type!,
      encodings: chunk.encodings as Metadata['encodings'],
      path_in_schema: [element.name],
      codec: codecOf(compression),
      num_values: BigInt(chunk.values),
      total_uncompressed_size: BigInt(chunk.unpacked),
      total_compressed_size: BigInt(chunk.packed),
      data_page_offset: BigInt(chunk.data),
      ...(chunk.dictionary === undefined ? {} : { dictionary_page_offset: BigInt(chunk.dictionary) }),
      statistics: statisticsOf(chunk, element),
    };
    return { file_offset: BigInt(chunk.dictionary ?? chunk.data), meta_data };
  });
  const sum = (pick: (chunk: WrittenChunk) => number): bigint =>
    BigInt(group.columns.reduce((total, chunk) => total + pick(chunk), 0));
  return {
    columns,
    num_rows: BigInt(group.rows),
    total_byte_size: sum(({ unpacked }) => unpacked),
    total_compressed_size: sum(({ packed }) => packed),
  };
}

function kept(meta: Metadata, element: SchemaElement): WrittenChunk {
  const { statistics, dictionary_page_offset: dictionary } = meta;
  const min = frozen(statistics?.min_value, element, false);
  const max = frozen(statistics?.max_value, element, true);
  const cut = [...(min?.cut ? (['min'] as const) : []), ...(max?.cut ? (['max'] as const) : [])];
  return {
    ...(dictionary === undefined ? {} : { dictionary: Number(dictionary) }),
    data: Number(meta.data_page_offset),
    values: Number(meta.num_values),
    packed: Number(meta.total_compressed_size),
    unpacked: Number(meta.total_uncompressed_size),
    encodings: meta.encodings,
    nulls: Number(statistics?.null_count ?? 0),
    ...(min === null ? {} : { min: min.text }),
    ...(max === null ? {} : { max: max.text }),
    ...(cut.length === 0 ? {} : { cut }),
  };
}

/** A bound as text; that of a long text is cut now, or the ledger would have to hold it whole. */
function frozen(
  bound: Bound,
  element: SchemaElement,
  isMax: boolean,
): { readonly text: string; readonly cut: boolean } | null {
  if (bound === undefined) return null;
  if (typeof bound === 'string') {
    const bytes = unconvertMinMax(bound, element, isMax)!;
    return { text: Buffer.from(bytes).toString('base64'), cut: !Buffer.from(bytes).equals(Buffer.from(bound)) };
  }
  return { text: Object.is(bound, -0) ? '-0' : String(bound), cut: false };
}

function statisticsOf(chunk: WrittenChunk, element: SchemaElement): NonNullable<Metadata['statistics']> {
  const min = thawed(chunk.min, element);
  const max = thawed(chunk.max, element);
  return {
    null_count: BigInt(chunk.nulls),
    ...(min === undefined ? {} : { min_value: min }),
    ...(max === undefined ? {} : { max_value: max }),
    ...(chunk.cut?.includes('min') ? { is_min_value_exact: false } : {}),
    ...(chunk.cut?.includes('max') ? { is_max_value_exact: false } : {}),
  };
}

function thawed(text: string | undefined, { type, converted_type }: SchemaElement): Bound {
  if (text === undefined) return undefined;
  if (type === 'BOOLEAN') return text === 'true';
  if (type === 'BYTE_ARRAY') return new Uint8Array(Buffer.from(text, 'base64'));
  return type === 'INT64' || converted_type === 'DECIMAL' ? BigInt(text) : Number(text);
}
