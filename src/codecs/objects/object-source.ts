import { createHash } from 'node:crypto';
import type { BatchLimits } from '../../core/batch-limits.ts';
import type { Codec } from '../../core/codec.ts';
import { SluiceError } from '../../core/error.ts';
import { type Json, sameJson } from '../../core/json.ts';
import type { ObjectInfo, ObjectStore } from '../../core/object-store.ts';
import type { Position } from '../../core/position.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import type { Source, Split } from '../../core/source.ts';
import { type Compression, compressionOf, decompress } from '../compression.ts';

export interface ObjectSourceOptions {
  readonly store: ObjectStore;
  /** Names, folders or patterns; an object that several of them stand for is read once. */
  readonly patterns: readonly string[];
  readonly codec: Codec;
  /** `auto` goes by each object's name. */
  readonly compression: Compression | 'auto';
}

/** So much of the start of each object is a part of the intake's identity, beside its size and version. */
const HEAD_BYTES = 64 * 1024;

/** The source for intakes that are objects (files, S3), whatever store keeps them: each is one split. */
export function createObjectSource(options: ObjectSourceOptions): Source {
  const { store, patterns } = options;
  let objects: readonly ObjectInfo[] = [];
  const progress = { before: 0, within: 0 };

  return {
    get bytesRead() {
      return progress.before + progress.within;
    },
    identity: async (signal) => {
      const found = new Map<string, ObjectInfo>();
      for (const pattern of patterns)
        for (const object of await store.list(pattern, signal)) found.set(object.key, object);
      objects = [...found.values()];
      const parts: Json[] = [];
      for (const object of objects) {
        parts.push({
          object: object.key,
          bytes: object.bytes,
          version: object.version,
          // A version that reads are pinned to says enough.
          ...(store.pinsReads === true ? {} : { head: await headDigest(store, object.key, signal) }),
        });
      }
      return parts;
    },
    splits: async (signal) => {
      await assertSameHeaders(options, objects, signal);
      return objects.map(({ key, bytes }) => ({ id: key, bytes }));
    },
    async *read(split: Split, after: Position | null, limits: BatchLimits, signal: AbortSignal) {
      const index = objects.findIndex((object) => object.key === split.id);
      const object = objects[index];
      if (object === undefined) throw new SluiceError('CONTRACT_BROKEN', `${split.id} is no split of this intake`);
      progress.before = objects.slice(0, index).reduce((sum, { bytes }) => sum + bytes, 0);
      progress.within = 0;
      const schema = after === null ? null : await headerOf(options, object, null, signal);
      yield* readObject(options, object, after, schema, limits, (bytes) => (progress.within = bytes), signal);
    },
    check: async (signal) => {
      const found: ObjectInfo[] = [];
      for (const pattern of patterns) found.push(...(await store.list(pattern, signal)));
      const [first] = found;
      // The first row, with the header before it: that it can be read, unpacked and decoded.
      if (first !== undefined) await headerOf(options, first, null, signal);
    },
    close: async () => store[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

async function* readObject(
  options: ObjectSourceOptions,
  object: ObjectInfo,
  after: Position | null,
  schema: Schema | null,
  limits: BatchLimits,
  onRead: (bytes: number) => void,
  signal: AbortSignal,
): AsyncGenerator<RowBatch> {
  const { store, codec } = options;
  const offset = codec.offset(after);
  const compression = options.compression === 'auto' ? compressionOf(object.key) : options.compression;
  const packed = compression !== 'none';
  const stored = storedBytes(store, object, packed ? 0 : offset, onRead, signal);
  const name = store.name(object.key);
  // A compressed stream cannot be entered in its middle: it is unpacked from its start and skipped to the place.
  const chunks = packed ? skip(decompress(compression, stored, name, signal), offset) : stored;
  yield* codec.decode(chunks, { split: object.key, after, limits }, schema, signal);
}

/** The schema that an object's header gives; null if it has no rows. @param known what it must be. */
async function headerOf(
  options: ObjectSourceOptions,
  object: ObjectInfo,
  known: Schema | null,
  signal: AbortSignal,
): Promise<Schema | null> {
  const limits: BatchLimits = { rows: 1, bytes: 1, lingerMs: 0 };
  for await (const batch of readObject(options, object, null, known, limits, () => undefined, signal))
    return batch.schema;
  return null;
}

/** An object that was changed while it was read gives rows of two states; better none. */
async function assertUnchanged(store: ObjectStore, object: ObjectInfo, signal: AbortSignal): Promise<void> {
  const [now] = await store.list(object.key, signal);
  if (now !== undefined && now.bytes === object.bytes && sameJson(now.version, object.version)) return;
  throw new SluiceError(
    'INTAKE_CHANGED',
    `${store.name(object.key)} was changed while it was read (${object.bytes} bytes then, ${now?.bytes ?? 'none'} now). ` +
      'Start anew with --overwrite when it is complete.',
  );
}

async function headDigest(store: ObjectStore, key: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  let room = HEAD_BYTES;
  for await (const chunk of store.read(key, 0, signal)) {
    hash.update(chunk.subarray(0, room));
    room -= chunk.length;
    if (room <= 0) break;
  }
  return hash.digest('hex');
}

/** What the store holds of an object. That it did not change is known before the decoder takes its end for a record's. */
async function* storedBytes(
  store: ObjectStore,
  object: ObjectInfo,
  offset: number,
  onRead: (bytes: number) => void,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let bytes = offset;
  for await (const chunk of store.read(object.key, offset, signal)) {
    bytes += chunk.length;
    onRead(bytes);
    yield chunk;
  }
  if (store.pinsReads !== true) await assertUnchanged(store, object, signal);
}

/** Several objects are one data set: their headers must be the first one's. Looked at before any row is sent. */
async function assertSameHeaders(
  options: ObjectSourceOptions,
  objects: readonly ObjectInfo[],
  signal: AbortSignal,
): Promise<void> {
  const [first, ...others] = objects;
  if (first === undefined || others.length === 0) return;
  const schema = await headerOf(options, first, null, signal);
  if (schema !== null) for (const object of others) await headerOf(options, object, schema, signal);
}

async function* skip(chunks: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let rest = bytes;
  for await (const chunk of chunks) {
    if (rest >= chunk.length) rest -= chunk.length;
    else {
      yield rest === 0 ? chunk : chunk.subarray(rest);
      rest = 0;
    }
  }
}
