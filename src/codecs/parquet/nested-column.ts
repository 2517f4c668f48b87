import type { SchemaElement, SchemaTree } from 'hyparquet';
import { assembleLists, assembleNested } from 'hyparquet/src/assemble.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { getMaxDefinitionLevel, getMaxRepetitionLevel, getTreePath } from 'hyparquet/src/schema.js';
import type { ColumnCursor } from './column-cursor.ts';
import { type LeafChunk, LeafPages } from './leaf-pages.ts';
import type { StoredValue } from './leaf-text.ts';
import { type NestedType, nestedText, nestedTypeOf } from './nested-text.ts';
import { brokenParquet, type ParquetPlace, takenApart } from './parquet-fault.ts';
import type { RecordBuffer } from './record-buffer.ts';
import { ByteSlices, type StoredValues } from './stored-values.ts';

/** What is known of a leaf before its depth is. */
export type FoundChunk = Pick<LeafChunk, 'bytes' | 'meta'>;

/**
 * A column of lists, maps or structs as JSON text. A value of it may go on in the next page, so the whole column of the row group is put
 * together at once; flat columns are read by the page.
 */
export class NestedColumn implements ColumnCursor {
  readonly #values: readonly unknown[];
  readonly #type: NestedType;
  readonly #place: ParquetPlace;
  #row = 0;

  constructor(tree: SchemaTree, leaves: readonly FoundChunk[], rows: number, place: ParquetPlace) {
    this.#place = place;
    this.#type = takenApart(place, () => nestedTypeOf(tree));
    this.#values = takenApart(place, () => {
      const bare = storedTree(tree);
      const root: SchemaTree = { children: [bare], count: bare.count + 1, element: { name: 'root' }, path: [] };
      const columns = new Map<string, unknown[]>();
      for (const leaf of leaves) {
        const path = getTreePath(root, leaf.meta.path_in_schema);
        columns.set(leaf.meta.path_in_schema.join('.'), leafRows(path, leaf, rows, place));
      }
      assembleNested(columns, bare, DEFAULT_PARSERS);
      const values = columns.get(bare.path.join('.'));
      if (values?.length !== rows) {
        throw brokenParquet(place, `it holds ${values?.length ?? 0} rows, the row group ${rows}`);
      }
      return values;
    });
  }

  skip(rows: number): void {
    this.#row += rows;
  }

  put(out: RecordBuffer): void {
    const value = this.#values[this.#row];
    this.#row += 1;
    if (value !== null && value !== undefined)
      out.putString(takenApart(this.#place, () => nestedText(this.#type, value)));
  }
}

/** What a leaf has for each row: a value, or the lists of them that its path makes. */
function leafRows(path: SchemaTree[], found: FoundChunk, rows: number, place: ParquetPlace): unknown[] {
  const chunk: LeafChunk = {
    ...found,
    element: path.at(-1)!.element,
    definition: getMaxDefinitionLevel(path),
    repetition: getMaxRepetitionLevel(path),
    most: Number(found.meta.num_values),
  };
  const pages = new LeafPages(chunk, place);
  const made: unknown[] = [];
  let dictionary: readonly StoredValue[] = [];
  while (pages.more && made.length <= rows) {
    const part = pages.next(0);
    if (part.kind === 'dictionary') dictionary = listOf(part.values);
    if (part.kind !== 'page') continue;
    const { definition, repetition, values, indexes } = part.page;
    const list = values === null ? chosen(dictionary, indexes!) : listOf(values);
    const assembled = assembleLists(made, [...(definition ?? [])], [...(repetition ?? [])], list, path);
    // What is neither optional nor repeated comes as it is.
    if (assembled !== made) for (const value of assembled) made.push(value);
  }
  return made;
}

function chosen(dictionary: readonly StoredValue[], indexes: Int32Array): StoredValue[] {
  return Array.from(indexes, (index) => {
    const value = dictionary[index];
    if (value === undefined) throw new Error(`it has no entry ${index} in its dictionary`);
    return value;
  });
}

function listOf(values: StoredValues): StoredValue[] {
  if (!(values instanceof ByteSlices)) return [...values];
  return Array.from(values.starts, (start, i) => values.bytes.subarray(start, values.ends[i]));
}

/** The same tree without what the values mean, so that they stay as they are stored; of groups only lists are still what they are. */
function storedTree({ element, children, ...rest }: SchemaTree): SchemaTree {
  const { name, type, type_length, repetition_type, num_children, converted_type } = element;
  const isList = children.length > 0 && (converted_type === 'LIST' || element.logical_type?.type === 'LIST');
  const bare: SchemaElement = {
    name,
    ...(type === undefined ? {} : { type }),
    ...(type_length === undefined ? {} : { type_length }),
    ...(repetition_type === undefined ? {} : { repetition_type }),
    ...(num_children === undefined ? {} : { num_children }),
    ...(isList ? { converted_type: 'LIST' as const } : {}),
  };
  return { ...rest, element: bare, children: children.map(storedTree) };
}
