import {
  type Clock,
  type ObjectInfo,
  type ObjectStore,
  type OutputLookup,
  systemClock,
  type WholeObjects,
} from '../../src/sdk.ts';
import { checkUpload } from './check-upload.ts';
import { lookAtObjects } from './look-at-objects.ts';
import { deleteObject, putObject } from './object-requests.ts';
import { outputPlaces } from './output-places.ts';
import { fetchRange, headObject, type PinnedObject } from './pinned-object.ts';
import { readRanges } from './ranged-read.ts';
import { S3Connection } from './s3-connection.ts';
import { s3Fault } from './s3-fault.ts';
import { listObjects } from './s3-listing.ts';
import { defaultS3Settings, type S3Settings } from './s3-settings.ts';
import { parseS3Url, s3Url } from './s3-url.ts';
import { SmallObjects } from './small-objects.ts';
import { stageUpload } from './stage-upload.ts';

export interface S3StoreOptions {
  /** What differs from `defaultS3Settings`. */
  readonly settings?: Partial<S3Settings>;
  /** Where the dead letters of an output go, as an s3:// address; null or left out: `<out>.dead.jsonl` beside it. */
  readonly deadLettersUrl?: string | null;
  readonly clock?: Clock;
}

/**
 * Objects kept in S3, or in a store that speaks as it does; a key is an address, `s3://bucket/key`. Objects are read in the state that
 * they were listed in, and in no other. See README.md for the objects of an output and what they promise.
 */
export function createS3Store(options: S3StoreOptions = {}): ObjectStore & OutputLookup & WholeObjects {
  const connection = new S3Connection({ ...defaultS3Settings, ...options.settings }, options.clock ?? systemClock);
  const pinned = new Map<string, PinnedObject>();
  const small = new SmallObjects(connection);
  const fault = (error: unknown, name: string): unknown =>
    s3Fault(error, { doing: 'read', name, endpoint: connection.endpoint });

  const written = async (name: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      throw s3Fault(error, { doing: 'write', name, endpoint: connection.endpoint });
    }
  };

  return {
    pinsReads: true,
    name: (key) => key,
    list: async (pattern, signal) => {
      const found = await listObjects(connection, pattern, signal).catch((error: unknown) => {
        throw fault(error, pattern);
      });
      return found.map((object): ObjectInfo => {
        const key = s3Url(object);
        if (!pinned.has(key)) {
          pinned.set(key, object);
          small.expect(key, object);
        }
        return { key, bytes: object.bytes, version: { etag: object.etag } };
      });
    },
    async *read(key, offset, signal) {
      try {
        const listed = pinned.get(key);
        const object = listed ?? (await headObject(connection, parseS3Url(key), signal));
        if (listed !== undefined && SmallObjects.isSmall(object)) {
          if (offset < object.bytes) yield (await small.get(key, signal)).subarray(offset);
        } else yield* readRanges(connection, object, offset, signal);
      } catch (error) {
        throw fault(error, key);
      }
    },
    async range(key, from, length, signal) {
      try {
        const object = pinned.get(key) ?? (await headObject(connection, parseS3Url(key), signal));
        const bytes = new Uint8Array(length);
        // More than there are would be no range.
        if (from + length > object.bytes) return bytes.subarray(0, 0);
        if (length > 0) await fetchRange(connection, object, from, bytes, signal);
        return bytes;
      } catch (error) {
        throw fault(error, key);
      }
    },
    stage: (key, { overwrite }, signal) =>
      stageUpload(connection, outputPlaces(key, options.deadLettersUrl ?? null), overwrite, signal),
    checkOutput: (key, { overwrite }, signal) =>
      checkUpload(connection, outputPlaces(key, options.deadLettersUrl ?? null), overwrite, signal),
    put: (key, bytes, signal) =>
      written(key, () => putObject(connection, parseS3Url(key), bytes, { condition: 'any', run: '' }, signal)),
    remove: (key, signal) => written(key, () => deleteObject(connection, parseS3Url(key), null, signal)),
    look: async (key, signal) => {
      try {
        return await lookAtObjects(connection, outputPlaces(key, null), signal);
      } catch (error) {
        throw fault(error, key);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await small[Symbol.asyncDispose]();
      await connection[Symbol.asyncDispose]();
    },
  };
}
