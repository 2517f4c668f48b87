import { messageOf } from '../../core/error.ts';
import type { Manifest, ObjectDigest } from '../../core/ledger.ts';
import type { ObjectStore } from '../../core/object-store.ts';
import { columnNames, schemaOf } from '../../core/schema.ts';
import { type Compression, decompress } from '../compression.ts';
import type { CsvSettings } from '../csv/csv-settings.ts';
import { createWriter } from '../formats.ts';
import type { FormatName, ReadableObject } from '../object-format.ts';
import type { Checksum } from './checksum.ts';
import { compressionIn, csvSettingsOf, formatOf, rowsOf } from './output-rows.ts';
import { storedObject } from './stored-object.ts';

/** What an object holds, as far as it could be read. */
export interface CheckedObject {
  readonly bytes: number;
  readonly digest: ObjectDigest;
  /** Rows without the header, or lines. */
  readonly records: number;
  /** Whether the columns, or the header line, are those of the manifest. */
  readonly headerMatches: boolean;
  /** Why the records could not be counted to the end; null when they could. */
  readonly fault: string | null;
}

const LF = 0x0a;
const LIMITS = { rows: 100_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** An object to check. */
export interface ObjectToCheck {
  readonly store: ObjectStore;
  readonly key: string;
  /** A checksum of the kind that the manifest has, of nothing yet. */
  readonly checksum: () => Checksum;
}

/** Reads an object of dead letters: bytes, checksum, lines. */
export async function checkLines({ store, key, checksum }: ObjectToCheck, signal: AbortSignal): Promise<CheckedObject> {
  const hash = checksum();
  let [bytes, records] = [0, 0];
  for await (const chunk of store.read(key, 0, signal)) {
    hash.update(chunk);
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) records += 1;
  }
  return { bytes, digest: hash.digest(), records, headerMatches: true, fault: null };
}

/** Reads an object of rows: bytes and checksum of the object, columns and records of what it holds. */
export async function checkRows(
  object: ObjectToCheck,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<CheckedObject> {
  const format = formatOf(manifest);
  return format === 'csv' ? checkCsv(object, manifest, signal) : checkOther(object, manifest, format, signal);
}

/** In one pass, which looks at the very bytes of the header. */
async function checkCsv(object: ObjectToCheck, manifest: Manifest, signal: AbortSignal): Promise<CheckedObject> {
  const { store, key, checksum } = object;
  const csv = csvSettingsOf(manifest);
  const expected =
    manifest.columns.length === 0
      ? new Uint8Array(0)
      : createWriter('csv', { csv }, 'none').header(schemaOf(manifest.columns), '').bytes;
  const hash = checksum();
  const seen = { bytes: 0, complete: false, head: 0, headerMatches: true };

  async function* stored(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of store.read(key, 0, signal)) {
      hash.update(chunk);
      seen.bytes += chunk.length;
      yield chunk;
    }
    seen.complete = true;
  }
  async function* unpacked(compression: Compression): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of decompress(compression, stored(), store.name(key), signal)) {
      const head = chunk.subarray(0, expected.length - seen.head);
      if (Buffer.compare(head, expected.subarray(seen.head, seen.head + head.length)) !== 0) seen.headerMatches = false;
      seen.head += head.length;
      yield chunk;
    }
  }

  let records = 0;
  let fault: string | null = null;
  try {
    const chunks = unpacked(await compressionIn(store, key, signal));
    if (expected.length === 0) for await (const _ of chunks);
    else {
      const unread = storedObject(store, { key, bytes: 0, version: null }, 'none');
      records = await countRows({ ...unread, read: () => chunks }, 'csv', csv, () => undefined, signal);
    }
  } catch (error) {
    fault = messageOf(error);
  }
  const headerMatches = seen.headerMatches && seen.head === expected.length;
  if (seen.complete) return { bytes: seen.bytes, digest: hash.digest(), records, headerMatches, fault };
  // Broken records stop the pass before the end of the object; its checksum still tells whether it is as it was written.
  const whole = await checkLines(object, signal);
  return { ...whole, records, headerMatches, fault };
}

/** In two passes: formats are not all read from the first byte to the last. */
async function checkOther(
  checked: ObjectToCheck,
  manifest: Manifest,
  format: FormatName,
  signal: AbortSignal,
): Promise<CheckedObject> {
  const { store, key } = checked;
  const whole = await checkLines(checked, signal);
  let headerMatches = true;
  let fault: string | null = null;
  let records = 0;
  try {
    const [info] = await store.list(key, signal);
    const object = storedObject(store, info!, await compressionIn(store, key, signal));
    const onColumns = (columns: readonly string[]): void => {
      headerMatches &&= JSON.stringify(columns) === JSON.stringify(manifest.columns);
    };
    records = await countRows(object, format, csvSettingsOf(manifest), onColumns, signal);
  } catch (error) {
    fault = messageOf(error);
  }
  return { ...whole, records, headerMatches, fault };
}

async function countRows(
  object: ReadableObject,
  format: FormatName,
  csv: CsvSettings,
  onColumns: (columns: readonly string[]) => void,
  signal: AbortSignal,
): Promise<number> {
  let rows = 0;
  for await (const batch of rowsOf(object, format, csv, LIMITS, signal)) {
    onColumns(columnNames(batch.schema));
    rows += batch.rows;
    batch.release();
  }
  return rows;
}
