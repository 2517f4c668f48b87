/**
 * How fast objects of each format are read and written: `npm exec -- node test/bench/formats.ts [rows] [format …]`. Rows of 5 columns
 * (a 64-bit integer, a date, a word, a double, a text of 20 characters) in memory, read in chunks of 256 KiB and cut into batches of
 * 5,000 rows, by whose canonical bytes a request is made; then the same rows written by the format's own writer.
 */
import { createReaders, createWriter } from '../../src/codecs/formats.ts';
import { FORMAT_NAMES, type FormatName, type ReadableObject } from '../../src/codecs/object-format.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { Json } from '../../src/core/json.ts';
import type { Schema } from '../../src/core/schema.ts';
import type { OutputRows } from '../../src/core/scored-batch.ts';

const CHUNK_BYTES = 256 * 1024;
const BATCH_ROWS = 5_000;
const ROUNDS = 5;
const { signal } = new AbortController();
const [rowsWanted, ...formatsWanted] = process.argv.slice(2);
const rows = Number(rowsWanted ?? 500_000);
const wanted = formatsWanted.length > 0 ? formatsWanted : FORMAT_NAMES;

const schema: Schema = {
  columns: [
    { name: 'id', type: 'integer' },
    { name: 'day', type: 'date' },
    { name: 'carrier', type: 'string' },
    { name: 'delay', type: 'number' },
    { name: 'note', type: 'string' },
  ],
};

function* batches(): Generator<OutputRows> {
  for (let first = 0; first < rows; first += BATCH_ROWS) {
    const records = Array.from({ length: Math.min(BATCH_ROWS, rows - first) }, (_, i) => {
      const id = first + i;
      const day = new Date(Date.UTC(2001, 0, 1 + (id % 365))).toISOString().slice(0, 10);
      return [1_000_000 + id, day, `carrier${id % 20}`, (id % 977) / 8, `note ${String(id).padStart(15, '0')}`];
    });
    yield { schema, ...encodeRecords(records) };
  }
}

/** A whole output, in memory. */
async function write(format: FormatName): Promise<Uint8Array> {
  const writer = createWriter(format, {}, 'none');
  const parts: Uint8Array[] = [];
  let offset = 0;
  const add = (bytes: Uint8Array): void => {
    parts.push(Uint8Array.from(bytes));
    offset += bytes.length;
  };
  const header = writer.header(schema, '00'.repeat(32));
  let state: Json = header.state;
  add(header.bytes);
  let gathered: OutputRows[] = [];
  const close = async (): Promise<void> => {
    if (gathered.length === 0) return;
    const block = await writer.block(gathered, state, offset);
    gathered = [];
    state = block.state;
    add(block.bytes);
  };
  for (const batch of made) {
    gathered.push(batch);
    if (gathered.reduce((sum, { bytes }) => sum + bytes.length, 0) >= writer.blockBytes) await close();
  }
  await close();
  add(await writer.trailer(state, offset));
  return Buffer.concat(parts);
}

function objectOf(bytes: Uint8Array): ReadableObject {
  return {
    name: 'bench',
    bytes: bytes.length,
    compression: 'none',
    async *read(offset) {
      for (let at = offset; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
    },
    range: async (from, length) => bytes.slice(from, from + length),
  };
}

async function read(format: FormatName, bytes: Uint8Array, columns: readonly string[] | null): Promise<number> {
  const object = objectOf(bytes);
  const reader = await createReaders({ format, columns }).for('bench', async () => bytes.subarray(0, 1024));
  const limits = { rows: BATCH_ROWS, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };
  let seen = 0;
  for (const part of await reader.parts(object, signal)) {
    const toRead = { part, split: 'bench', after: null, schema: null, limits };
    for await (const batch of reader.read(object, toRead, signal)) {
      // The bytes are what a request is made of; some formats make them of values, and only when asked.
      if (batch.bytes.length > 0) seen += batch.rows;
      batch.release();
    }
  }
  if (seen !== rows) throw new Error(`${format}: ${seen} rows where ${rows} were written`);
  return seen;
}

async function best(work: () => Promise<unknown>): Promise<number> {
  let seconds = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    await work();
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  return seconds;
}

const made = [...batches()];
const inThousands = (seconds: number): string => `${Math.round(rows / seconds / 1000)}`.padStart(10);
console.log(`${rows} rows, best of ${ROUNDS} rounds, thousands of rows a second`);
console.log('format          bytes       read  2 columns      write');
for (const format of FORMAT_NAMES) {
  if (!wanted.includes(format)) continue;
  const bytes = await write(format).catch((error: unknown) => {
    // A name that the settings know may have no format yet.
    if (findSluiceError(error)?.code !== 'CONFIG_INVALID') throw error;
    return null;
  });
  if (bytes === null) continue;
  const reading = await best(() => read(format, bytes, null));
  const some = await best(() => read(format, bytes, ['id', 'delay']));
  const writing = await best(() => write(format));
  const size = String(bytes.length).padStart(10);
  console.log(`${format.padEnd(10)} ${size} ${inThousands(reading)} ${inThousands(some)} ${inThousands(writing)}`);
}
