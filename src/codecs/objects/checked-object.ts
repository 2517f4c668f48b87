import type { Codec } from '../../core/codec.ts';
import { messageOf } from '../../core/error.ts';
import type { Manifest, ObjectDigest } from '../../core/ledger.ts';
import type { ObjectStore } from '../../core/object-store.ts';
import { schemaOf } from '../../core/schema.ts';
import { type Compression, decompress } from '../compression.ts';
import { createCsvCodec } from '../csv/csv-codec.ts';
import { defaultCsvSettings } from '../csv/csv-settings.ts';
import type { Checksum } from './checksum.ts';

/** What an object holds, as far as it could be read. */
export interface CheckedObject {
  readonly bytes: number;
  readonly digest: ObjectDigest;
  /** Rows without the header, or lines. */
  readonly records: number;
  /** Whether the header line is that of the manifest's columns. */
  readonly headerMatches: boolean;
  /** Why the records could not be counted to the end; null when they could. */
  readonly fault: string | null;
}

const LF = 0x0a;

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

/** Reads an object of rows in one pass: bytes and checksum of the object, header and records of what it holds unpacked. */
export async function checkRows(
  object: ObjectToCheck,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<CheckedObject> {
  const { store, key, checksum } = object;
  const codec = codecOf(manifest);
  const expected = manifest.columns.length === 0 ? new Uint8Array(0) : codec.encodeHeader(schemaOf(manifest.columns));
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
    const limits = { rows: 100_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };
    if (expected.length === 0) for await (const _ of chunks);
    else {
      const context = { split: key, after: null, limits };
      for await (const batch of codec.decode(chunks, context, null, signal)) records += batch.rows;
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

/** By the content, as a setting may have named the compression and not the key. No CSV starts with these bytes. */
async function compressionIn(store: ObjectStore, key: string, signal: AbortSignal): Promise<Compression> {
  let start = '';
  for await (const chunk of store.read(key, 0, signal)) {
    start += Buffer.from(chunk.subarray(0, 4)).toString('hex');
    if (start.length >= 8) break;
  }
  if (start.startsWith('1f8b')) return 'gzip';
  return start.startsWith('28b52ffd') ? 'zstd' : 'none';
}
