import { createHash } from 'node:crypto';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { ObjectInfo, ObjectStore } from '../../core/object-store.ts';
import type { Schema } from '../../core/schema.ts';
import type { Source } from '../../core/source.ts';
import type { Compression } from '../compression.ts';
import type { ObjectReaders } from '../formats.ts';
import type { ObjectPart, ObjectReader, ReadableObject } from '../object-format.ts';
import { headOf, storedObject } from './stored-object.ts';

export interface ObjectSourceOptions {
  readonly store: ObjectStore;
  /** Names, folders or patterns; an object that several of them stand for is read once. */
  readonly patterns: readonly string[];
  readonly readers: ObjectReaders;
  /** `auto` goes by each object's name. */
  readonly compression: Compression | 'auto';
}

/** So much of the start of each object is a part of the intake's identity, beside its size and version. */
const HEAD_BYTES = 64 * 1024;

/**
 * The columns of so many objects are looked at before any row is sent, those of the others before the first row of their own: an intake of
 * thousands of objects would have to open each of them twice, and send nothing until it had.
 */
const LOOKED_AT_FIRST = 100;

/** An object with what reads it. */
interface OpenObject {
  readonly info: ObjectInfo;
  readonly reader: ObjectReader;
  readonly object: ReadableObject;
}

/** A part of an object as the split that it is. */
interface ObjectSplit {
  readonly id: string;
  readonly part: ObjectPart;
  readonly of: OpenObject;
  /** Bytes of the splits before it. */
  readonly before: number;
}

/** The source for intakes that are objects (files, S3), whatever store keeps them: each is one split, or several. */
export function createObjectSource(options: ObjectSourceOptions): Source {
  const { store, patterns, compression } = options;
  let infos: readonly ObjectInfo[] = [];
  let objects: readonly OpenObject[] = [];
  let splits: ReadonlyMap<string, ObjectSplit> = new Map();
  const unseen = new Set<OpenObject>();
  let shared: Schema | null = null;
  const progress = { before: 0, within: 0 };

  const opened = async (info: ObjectInfo, signal: AbortSignal): Promise<OpenObject> => {
    const quiet = storedObject(store, info, compression);
    const reader = await options.readers.for(info.key, () => headOf(quiet, HEAD_BYTES, signal));
    return { info, reader, object: quiet };
  };

  return {
    get bytesRead() {
      return progress.before + progress.within;
    },
    identity: async (signal) => {
      const found = new Map<string, ObjectInfo>();
      for (const pattern of patterns)
        for (const object of await store.list(pattern, signal)) found.set(object.key, object);
      infos = [...found.values()];
      const parts: Json[] = [];
      for (const object of infos) {
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
      const open: OpenObject[] = [];
      for (const info of infos) open.push(await opened(info, signal));
      objects = open;
      if (objects.length > 1) shared = await schemaOfAll(objects, LOOKED_AT_FIRST, signal);
      if (shared !== null) for (const object of objects.slice(LOOKED_AT_FIRST)) unseen.add(object);
      splits = await splitsOf(objects, signal);
      return [...splits.values()].map(({ id, part, of }) => ({
        id,
        bytes: part.bytes,
        ...(part.id === null ? {} : { object: of.info.key }),
      }));
    },
    async *read({ id }, after, limits, signal) {
      const split = splits.get(id);
      if (split === undefined) throw new SluiceError('CONTRACT_BROKEN', `${id} is no split of this intake`);
      const { part, of, before } = split;
      progress.before = before;
      progress.within = 0;
      if (after === null && unseen.delete(of)) await of.reader.schema(of.object, shared, signal);
      // Of a single object the first batch tells; a continuation does not see it.
      if (after !== null) shared ??= await of.reader.schema(of.object, null, signal);
      // An object that is one part is read through: how far is where the last read ended. Else bytes are counted.
      const object = storedObject(store, of.info, compression, (from, bytes) => {
        progress.within = part.id === null ? from + bytes : Math.min(part.bytes, progress.within + bytes);
      });
      yield* of.reader.read(object, { part, split: id, after, schema: shared, limits }, signal);
      if (part.id !== null) progress.within = part.bytes;
    },
    check: async (signal) => {
      const found: ObjectInfo[] = [];
      for (const pattern of patterns) found.push(...(await store.list(pattern, signal)));
      const [first] = found;
      // The first row, with the header before it: that it can be read, unpacked and decoded.
      if (first === undefined) return;
      const { reader, object } = await opened(first, signal);
      await reader.schema(object, null, signal);
    },
    close: async () => store[Symbol.asyncDispose](),
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

async function splitsOf(
  objects: readonly OpenObject[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ObjectSplit>> {
  const splits = new Map<string, ObjectSplit>();
  let before = 0;
  for (const of of objects) {
    const { key } = of.info;
    for (const part of await of.reader.parts(of.object, signal)) {
      const id = part.id === null ? key : `${key}#${part.id}`;
      splits.set(id, { id, part, of, before });
      before += part.bytes;
    }
  }
  return splits;
}

/** Several objects are one data set: their columns must be those of the first one that has rows. @param first how many are looked at. */
async function schemaOfAll(objects: readonly OpenObject[], first: number, signal: AbortSignal): Promise<Schema | null> {
  let known: Schema | null = null;
  for (const [index, { reader, object }] of objects.entries()) {
    if (known !== null && index >= first) break;
    const schema = await reader.schema(object, known, signal);
    known ??= schema;
  }
  return known;
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
