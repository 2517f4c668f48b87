import { type FileHandle, open } from 'node:fs/promises';

/** Bytes of one read. Larger ones are no faster, smaller ones cost a thread switch too often. */
const CHUNK_BYTES = 512 * 1024;

/**
 * The bytes of a file from `offset` to `end` (exclusive; Infinity for all there are), 512 KiB at a time. Two buffers are
 * filled in turn, one while the caller works on the other: a chunk is valid until the next one is asked for. Errors of
 * the file system come as they are.
 */
export async function* readChunks(
  path: string,
  offset: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  signal.throwIfAborted();
  const handle = await open(path, 'r');
  let ahead: Promise<number> | null = null;
  try {
    let [current, next] = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
    let at = offset;
    ahead = fill(handle, current, at, end);
    for (;;) {
      const bytes = await ahead;
      ahead = null;
      signal.throwIfAborted();
      if (bytes === 0) return;
      at += bytes;
      ahead = fill(handle, next, at, end);
      // Awaited in the next round, or in `finally`: until then a failure must not count as unhandled.
      ahead.catch(() => undefined);
      yield current.subarray(0, bytes);
      signal.throwIfAborted();
      [current, next] = [next, current];
    }
  } finally {
    await ahead?.catch(() => undefined);
    await handle.close();
  }
}

async function fill(handle: FileHandle, buffer: Buffer, at: number, end: number): Promise<number> {
  const wanted = Math.min(buffer.length, end - at);
  if (wanted <= 0) return 0;
  const { bytesRead } = await handle.read(buffer, 0, wanted, at);
  return bytesRead;
}
