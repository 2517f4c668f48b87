import type { GetObjectCommandInput } from '@aws-sdk/client-s3';
import type { S3Connection } from './s3-connection.ts';
import { damagedReply, isPassing, statusOf } from './s3-fault.ts';
import type { S3Encryption } from './s3-settings.ts';
import type { S3Place } from './s3-url.ts';
import { noStoreReply } from './wrong-server.ts';

/** An object in one state of it. */
export interface PinnedObject extends S3Place {
  readonly bytes: number;
  readonly etag: string;
}

/** The state that an object is in. Rejects with the library's error. */
export async function headObject(connection: S3Connection, place: S3Place, signal: AbortSignal): Promise<HeadOfObject> {
  const input = { Bucket: place.bucket, Key: place.key, ...customerKey(connection.settings.encryption) };
  const head = await connection.send(async (client, options) => {
    try {
      return await client.headObject(input, options);
    } catch (error) {
      // The reply to HEAD has no text that says why; that to GET has.
      if (statusOf(error) === undefined || isPassing(error)) throw error;
      await client.getObject({ ...input, Range: 'bytes=0-0' }, options);
      throw error;
    }
  }, signal);
  const { ContentLength: bytes = 0, ETag: etag, Metadata: metadata = {} } = head;
  if (etag === undefined) throw noStoreReply();
  return { ...place, bytes, etag, metadata };
}

/** A state, and what its writer noted. */
interface HeadOfObject extends PinnedObject {
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Fills `into` with the bytes of an object from `from` on. A reply that breaks off is continued where it did. Rejects with the
 * library's error; its status is 412 when the object is no longer in that state.
 */
export async function fetchRange(
  connection: S3Connection,
  object: PinnedObject,
  from: number,
  into: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { bucket, key, etag } = object;
  const input: GetObjectCommandInput = {
    Bucket: bucket,
    Key: key,
    IfMatch: etag,
    ...customerKey(connection.settings.encryption),
  };
  // The whole of it comes with its checksum, which a part of it cannot have.
  const isWhole = from === 0 && into.length === object.bytes;
  let have = 0;
  await connection.send(async (client, options) => {
    while (have < into.length) {
      const before = have;
      const at = from + have;
      const range = isWhole && have === 0 ? {} : { Range: `bytes=${at}-${from + into.length - 1}` };
      try {
        const { Body, ContentRange } = await client.getObject({ ...input, ...range }, options);
        if (Body === undefined) throw damagedReply('a reply without a body');
        if ('Range' in range && ContentRange?.startsWith(`bytes ${at}-`) !== true) {
          throw new Error(`the store gives ${ContentRange ?? 'all of it'} for a range from byte ${at} on`);
        }
        for await (const chunk of untilAbort(Body as unknown as ReplyBody, options.abortSignal)) {
          if (have + chunk.length > into.length) throw damagedReply('a reply with more bytes than were asked for');
          into.set(chunk, have);
          have += chunk.length;
        }
        if (have < into.length) throw damagedReply(`a reply that ends after ${have} of ${into.length} bytes`);
      } catch (error) {
        // Bytes whose checksum is wrong are wrong anywhere.
        if (String(error).includes('Checksum mismatch')) have = 0;
        // Something came: that is worth going on at once, however often the connection breaks.
        else if (have > before && isPassing(error) && !options.abortSignal.aborted) continue;
        throw error;
      }
    }
  }, signal);
}

type ReplyBody = AsyncIterable<Uint8Array> & { destroy(error?: Error): void };

/** The library ends a request on abort, but not the body of its reply. */
async function* untilAbort(body: ReplyBody, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const stop = (): void => body.destroy(new Error('aborted'));
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    yield* body;
  } finally {
    signal.removeEventListener('abort', stop);
    body.destroy();
  }
}

/** The fields of a request for an object that the server cannot read without our key. */
export function customerKey(encryption: S3Encryption | null): {
  SSECustomerAlgorithm?: string;
  SSECustomerKey?: string;
} {
  if (encryption === null || encryption.customerKey === null) return {};
  return { SSECustomerAlgorithm: encryption.customerAlgorithm ?? 'AES256', SSECustomerKey: encryption.customerKey };
}
