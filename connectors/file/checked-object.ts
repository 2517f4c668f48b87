import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import {
  type Compression,
  type CsvSettings,
  columnNames,
  createReaders,
  createWriter,
  decompress,
  defaultCsvSettings,
  FORMAT_NAMES,
  type FormatName,
  type Manifest,
  messageOf,
  type ReadableObject,
  SluiceError,
  schemaOf,
} from '../../src/sdk.ts';
import { readChunks } from './file-chunks.ts';

/** What a file holds, as far as it could be read. */
export interface CheckedObject {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
  /** Rows without the header, or lines. */
  readonly records: number;
  /** Whether the columns, or the header line, are those of the manifest. */
  readonly headerMatches: boolean;
  /** Why the records could not be counted to the end; null when they could. */
  readonly fault: string | null;
}

const LF = 0x0a;
const LIMITS = { rows: 100_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/** Reads an object of dead letters: bytes, checksum, lines. */
export async function checkLines(path: string, signal: AbortSignal): Promise<CheckedObject> {
  const hash = createHash('sha256');
  let [bytes, records] = [0, 0];
  for await (const chunk of readChunks(path, 0, Number.POSITIVE_INFINITY, signal)) {
    hash.update(chunk);
    bytes += chunk.length;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) records += 1;
  }
  return { bytes, sha256: hash.digest('hex'), records, headerMatches: true, fault: null };
}

/** Reads an object of rows: bytes and checksum of the file, columns and records of what it holds. */
export async function checkRows(path: string, manifest: Manifest, signal: AbortSignal): Promise<CheckedObject> {
  const format = formatOf(manifest);
  return format === 'csv' ? checkCsv(path, manifest, signal) : checkOther(path, manifest, format, signal);
}

/** In one pass, which looks at the very bytes of the header. */
async function checkCsv(path: string, manifest: Manifest, signal: AbortSignal): Promise<CheckedObject> {
  const csv = csvSettingsOf(manifest);
  const expected =
    manifest.columns.length === 0
      ? new Uint8Array(0)
      : createWriter('csv', { csv }, 'none').header(schemaOf(manifest.columns), '').bytes;
  const hash = createHash('sha256');
  const seen = { bytes: 0, complete: false, head: 0, headerMatches: true };

  async function* stored(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of readChunks(path, 0, Number.POSITIVE_INFINITY, signal)) {
      hash.update(chunk);
      seen.bytes += chunk.length;
      yield chunk;
    }
    seen.complete = true;
  }
  async function* unpacked(compression: Compression): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of decompress(compression, stored(), path, signal)) {
      const head = chunk.subarray(0, expected.length - seen.head);
      if (Buffer.compare(head, expected.subarray(seen.head, seen.head + head.length)) !== 0) seen.headerMatches = false;
      seen.head += head.length;
      yield chunk;
    }
  }

  let records = 0;
  let fault: string | null = null;
  try {
    const chunks = unpacked(await compressionIn(path, signal));
    if (expected.length === 0) for await (const _ of chunks);
    else {
      const object: ReadableObject = { ...fileObject(path, 0, 'none', signal), read: () => chunks };
      records = await countRows(object, 'csv', csv, () => undefined, signal);
    }
  } catch (error) {
    fault = messageOf(error);
  }
  const headerMatches = seen.headerMatches && seen.head === expected.length;
  if (seen.complete) return { bytes: seen.bytes, sha256: hash.digest('hex'), records, headerMatches, fault };
  // Broken records stop the pass before the end of the file; its checksum still tells whether it is as it was written.
  const whole = await checkLines(path, signal);
  return { ...whole, records, headerMatches, fault };
}

/** In two passes: formats are not all read from the first byte to the last. */
async function checkOther(
  path: string,
  manifest: Manifest,
  format: FormatName,
  signal: AbortSignal,
): Promise<CheckedObject> {
  const whole = await checkLines(path, signal);
  let headerMatches = true;
  let fault: string | null = null;
  let records = 0;
  try {
    const object = fileObject(path, (await stat(path)).size, await compressionIn(path, signal), signal);
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
  const reader = await createReaders({ format, csv }).for(object.name, async () => new Uint8Array(0));
  let rows = 0;
  for (const part of await reader.parts(object, signal)) {
    const toRead = { part, split: object.name, after: null, schema: null, limits: LIMITS };
    for await (const batch of reader.read(object, toRead, signal)) {
      onColumns(columnNames(batch.schema));
      rows += batch.rows;
      batch.release();
    }
  }
  return rows;
}

function fileObject(path: string, bytes: number, compression: Compression, signal: AbortSignal): ReadableObject {
  return {
    name: path,
    bytes,
    compression,
    read: (offset) => readChunks(path, offset, Number.POSITIVE_INFINITY, signal),
    async range(from, length) {
      const parts: Uint8Array[] = [];
      for await (const chunk of readChunks(path, from, from + length, signal)) parts.push(Uint8Array.from(chunk));
      const found = Buffer.concat(parts);
      if (found.length === length) return found;
      throw new SluiceError('INTAKE_CHANGED', `${path} became shorter while it was read.`);
    },
  };
}

/** What the job wrote; jobs of CSV do not say so. */
function formatOf({ job }: Manifest): FormatName {
  return FORMAT_NAMES.find((name) => name === job['outputFormat']) ?? 'csv';
}

/** The dialect is among the settings that made the job what it is. */
function csvSettingsOf(manifest: Manifest): CsvSettings {
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

/** By the content, as a setting may have named the compression and not the file. No output of ours starts with these bytes. */
async function compressionIn(path: string, signal: AbortSignal): Promise<Compression> {
  for await (const chunk of readChunks(path, 0, 4, signal)) {
    const start = Buffer.from(chunk).toString('hex');
    if (start.startsWith('1f8b')) return 'gzip';
    if (start === '28b52ffd') return 'zstd';
  }
  return 'none';
}
