import { fetchRange, type PinnedObject } from './pinned-object.ts';
import type { S3Connection } from './s3-connection.ts';

/** The first read is small and alone: whoever wants a header only has it soon, and nothing is read in vain. */
const FIRST_BYTES = 256 * 1024;

/** A read under way. */
interface Fetch {
  readonly buffer: Buffer;
  readonly bytes: number;
  readonly done: Promise<void>;
}

/**
 * The bytes of an object from `offset` on, fetched by several requests at once and given in order. No more than `aheadBytes` (but at
 * least one range) wait beside the chunk that was given last; its buffer is used again once the next is asked for. Rejects with the
 * library's error.
 */
export async function* readRanges(
  connection: S3Connection,
  object: PinnedObject,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { rangeBytes, aheadBytes, connections } = connection.settings;
  const depth = Math.max(1, Math.min(connections, Math.floor(aheadBytes / rangeBytes)));
  const leaving = new AbortController();
  const either = AbortSignal.any([signal, leaving.signal]);
  const free: Buffer[] = [];
  const fetches: Fetch[] = [];
  let next = offset;

  const fetchNext = (most: number): void => {
    const bytes = Math.min(most, object.bytes - next);
    const buffer = free.pop() ?? Buffer.allocUnsafeSlow(Math.min(rangeBytes, object.bytes));
    const done = fetchRange(connection, object, next, buffer.subarray(0, bytes), either);
    // Awaited in its turn: until then a failure must not count as unhandled.
    done.catch(() => undefined);
    fetches.push({ buffer, bytes, done });
    next += bytes;
  };
  const fill = (): void => {
    while (fetches.length < depth && next < object.bytes) fetchNext(rangeBytes);
  };

  try {
    signal.throwIfAborted();
    if (offset < object.bytes) fetchNext(Math.min(FIRST_BYTES, rangeBytes));
    for (let first = true; ; first = false) {
      const fetch = fetches.shift();
      if (fetch === undefined) return;
      await fetch.done;
      if (!first) fill();
      yield fetch.buffer.subarray(0, fetch.bytes);
      signal.throwIfAborted();
      free.push(fetch.buffer);
      fill();
    }
  } finally {
    leaving.abort();
    await Promise.allSettled(fetches.map(({ done }) => done));
  }
}
