import { SluiceError } from '../../core/error.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { ObjectReader, ReadableObject } from '../object-format.ts';
import { unsupportedParquet } from './parquet-fault.ts';
import type { ParquetFile } from './parquet-file.ts';

/** Footers of so many files are kept: one is asked for its parts, its schema and each of its row groups, one after the other. */
const KEPT_FILES = 4;
const PART = /^row-group-(\d+)$/;

/** Reads Parquet: each row group is a part. @param columns names of those that are wanted; null for all. */
export function createParquetReader(columns: readonly string[] | null): ObjectReader {
  const kept = new Map<string, ParquetFile>();
  const open = async (object: ReadableObject, known: Schema | null, signal: AbortSignal): Promise<ParquetFile> => {
    assertPlain(object);
    const wanted = known === null ? columns : columnNames(known);
    const key = JSON.stringify([object.name, object.bytes, wanted]);
    const found = kept.get(key);
    if (found !== undefined) return { ...found, object: ranged(object) };
    // Loaded with the first file: it brings half a hundred modules, which few runs have a use for.
    const { openParquetFile } = await import('./parquet-file.ts');
    const file = await openParquetFile(ranged(object), wanted, signal);
    kept.set(key, file);
    for (const oldest of kept.keys()) if (kept.size > KEPT_FILES) kept.delete(oldest);
    return file;
  };
  return {
    parts: async (object, signal) => {
      const { groups } = await open(object, null, signal);
      return groups.map(({ index, bytes }) => ({ id: `row-group-${index}`, bytes }));
    },
    async schema(object, known, signal) {
      const { schema } = await open(object, null, signal);
      if (known !== null) assertSameColumns(object.name, schema, known);
      return schema;
    },
    async *read(object, { part, split, after, schema, limits }, signal) {
      const group = Number(PART.exec(part.id ?? '')?.[1] ?? Number.NaN);
      const file = await open(object, schema, signal);
      if (file.groups[group] === undefined)
        throw new SluiceError('CONTRACT_BROKEN', `${split} is no row group of ${object.name}`);
      const { readRowGroup } = await import('./row-group-reader.ts');
      yield* readRowGroup({ file: schema === null ? file : { ...file, schema }, group, split, after, limits }, signal);
    },
  };
}

function ranged(object: ReadableObject) {
  const { name, bytes } = object;
  return {
    name,
    bytes,
    read: (from: number, length: number, signal: AbortSignal) => object.range(from, length, signal),
  };
}

/** What is packed as a whole cannot be read in places. */
function assertPlain({ name, compression }: ReadableObject): void {
  if (compression === 'none') return;
  throw unsupportedParquet({ name }, `the file as a whole is packed with ${compression}; unpack it first`);
}

/** Several files are one data set. Their order of columns may differ: columns are read by their names. */
function assertSameColumns(name: string, found: Schema, known: Schema): void {
  const here = new Set(columnNames(found));
  const there = columnNames(known);
  const missing = there.filter((column) => !here.has(column));
  const others = [...here].filter((column) => !there.includes(column));
  if (missing.length === 0 && others.length === 0) return;
  const differences = [
    ...(missing.length > 0 ? [`it lacks ${missing.join(', ')}`] : []),
    ...(others.length > 0 ? [`it has ${others.join(', ')} besides`] : []),
  ];
  throw new SluiceError(
    'FORMAT_COLUMNS',
    `${name} has other columns than the first file: ${differences.join('; ')}. Name those that are wanted with intakeSettings.columns.`,
  );
}
