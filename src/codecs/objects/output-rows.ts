import type { BatchLimits } from '../../core/batch-limits.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { ObjectStore } from '../../core/object-store.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Compression } from '../compression.ts';
import { type CsvSettings, defaultCsvSettings } from '../csv/csv-settings.ts';
import { createReaders } from '../formats.ts';
import { FORMAT_NAMES, type FormatName, type ReadableObject } from '../object-format.ts';
import { storedObject } from './stored-object.ts';

/** The rows of a finished output, in order, as its manifest says that they are written. */
export async function* readOutput(
  store: ObjectStore,
  key: string,
  manifest: Manifest,
  limits: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const [info] = await store.list(key, signal);
  const object = storedObject(store, info!, await compressionIn(store, key, signal));
  yield* rowsOf(object, formatOf(manifest), csvSettingsOf(manifest), limits, signal);
}

/** The rows of an object of a format. */
export async function* rowsOf(
  object: ReadableObject,
  format: FormatName,
  csv: CsvSettings,
  limits: BatchLimits,
  signal: AbortSignal,
): AsyncGenerator<RowBatch, void> {
  const reader = await createReaders({ format, csv }).for(object.name, async () => new Uint8Array(0));
  for (const part of await reader.parts(object, signal))
    yield* reader.read(object, { part, split: object.name, after: null, schema: null, limits }, signal);
}

/** What the job wrote; jobs of CSV do not say so. */
export function formatOf({ job }: Manifest): FormatName {
  return FORMAT_NAMES.find((name) => name === job['outputFormat']) ?? 'csv';
}

/** The dialect is among the settings that made the job what it is. */
export function csvSettingsOf(manifest: Manifest): CsvSettings {
  const found = manifest.job['csvSettings'];
  const settings = typeof found === 'object' && found !== null && !Array.isArray(found) ? Object.entries(found) : [];
  const text = new Map(
    settings.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
  );
  return {
    ...defaultCsvSettings,
    delimiter: text.get('delimiter') ?? defaultCsvSettings.delimiter,
    quotechar: text.get('quotechar') ?? defaultCsvSettings.quotechar,
    encoding: text.get('encoding') ?? defaultCsvSettings.encoding,
  };
}

/** By the content, as a setting may have named the compression and not the key. No output of ours starts with these bytes. */
export async function compressionIn(store: ObjectStore, key: string, signal: AbortSignal): Promise<Compression> {
  let start = '';
  for await (const chunk of store.read(key, 0, signal)) {
    start += Buffer.from(chunk.subarray(0, 4)).toString('hex');
    if (start.length >= 8) break;
  }
  if (start.startsWith('1f8b')) return 'gzip';
  return start.startsWith('28b52ffd') ? 'zstd' : 'none';
}
