import { createHash } from 'node:crypto';
import {
  type Codec,
  type Compression,
  createCsvCodec,
  decompress,
  defaultCsvSettings,
  type Manifest,
  messageOf,
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
  /** Whether the header line is that of the manifest's columns. */
  readonly headerMatches: boolean;
  /** Why the records could not be counted to the end; null when they could. */
  readonly fault: string | null;
}

const LF = 0x0a;

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

/** Reads an object of rows in one pass: bytes and checksum of the file, header and records of what it holds unpacked. */
export async function checkRows(path: string, manifest: Manifest, signal: AbortSignal): Promise<CheckedObject> {
  const codec = codecOf(manifest);
  const expected = manifest.columns.length === 0 ? new Uint8Array(0) : codec.encodeHeader(schemaOf(manifest.columns));
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
    const limits = { rows: 100_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };
    if (expected.length === 0) for await (const _ of chunks);
    else {
      const context = { split: path, after: null, limits };
      for await (const batch of codec.decode(chunks, context, null, signal)) records += batch.rows;
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

/** The dialect is among the settings that made the job what it is. */
function codecOf(manifest: Manifest): Codec {
  const found = manifest.job['csvSettings'];
  const settings = typeof found === 'object' && found !== null && !Array.isArray(found) ? Object.entries(found) : [];
  const text = new Map(
    settings.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value] as const] : [])),
  );
  return createCsvCodec({
    ...defaultCsvSettings,
    delimiter: text.get('delimiter') ?? defaultCsvSettings.delimiter,
    quotechar: text.get('quotechar') ?? defaultCsvSettings.quotechar,
    encoding: text.get('encoding') ?? defaultCsvSettings.encoding,
  });
}

/** By the content, as a setting may have named the compression and not the file. No CSV starts with these bytes. */
async function compressionIn(path: string, signal: AbortSignal): Promise<Compression> {
  for await (const chunk of readChunks(path, 0, 4, signal)) {
    const start = Buffer.from(chunk).toString('hex');
    if (start.startsWith('1f8b')) return 'gzip';
    if (start === '28b52ffd') return 'zstd';
  }
  return 'none';
}
