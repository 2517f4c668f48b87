import { SluiceError } from '../../core/error.ts';
import { sameJson } from '../../core/json.ts';
import type { ObjectInfo, ObjectStore } from '../../core/object-store.ts';
import { byteBlock } from '../byte-block.ts';
import { type Compression, compressionOf, decompress } from '../compression.ts';
import type { ReadableObject } from '../object-format.ts';

/**
 * An object of a store as a reader sees it: every read of it ends with INTAKE_CHANGED when it is no longer what was listed.
 * @param compression `auto` goes by the name.
 * @param onRead told of each stored byte that was read: how many, and from where on.
 */
export function storedObject(
  store: ObjectStore,
  object: ObjectInfo,
  compression: Compression | 'auto',
  onRead: (from: number, bytes: number) => void = () => undefined,
): ReadableObject {
  const { key, bytes } = object;
  const checked = async (signal: AbortSignal): Promise<void> => {
    if (store.pinsReads !== true) await assertUnchanged(store, object, signal);
  };
  return {
    name: store.name(key),
    bytes,
    compression: compression === 'auto' ? compressionOf(key) : compression,
    // That it did not change is known before the decoder takes its end for a record's.
    async *read(offset, signal) {
      let at = offset;
      for await (const chunk of store.read(key, offset, signal)) {
        onRead(at, chunk.length);
        at += chunk.length;
        yield chunk;
      }
      await checked(signal);
    },
    async range(from, length, signal) {
      const found = await (store.range?.(key, from, length, signal) ?? rangeOf(store, key, from, length, signal));
      await checked(signal);
      if (found.length < length) throw changed(store, object, null);
      onRead(from, length);
      return found;
    },
  };
}

/** The first bytes of an object, unpacked: as many, or all there are. */
export async function headOf(object: ReadableObject, bytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const head = byteBlock(bytes);
  let filled = 0;
  for await (const chunk of decompress(object.compression, object.read(0, signal), object.name, signal)) {
    const part = chunk.subarray(0, bytes - filled);
    head.set(part, filled);
    filled += part.length;
    if (filled === bytes) break;
  }
  return head.subarray(0, filled);
}

async function rangeOf(
  store: ObjectStore,
  key: string,
  from: number,
  length: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const range = byteBlock(length);
  let filled = 0;
  if (length > 0) {
    for await (const chunk of store.read(key, from, signal)) {
      const part = chunk.subarray(0, length - filled);
      range.set(part, filled);
      filled += part.length;
      if (filled === length) break;
    }
  }
  return range.subarray(0, filled);
}

/** An object that was changed while it was read gives rows of two states; better none. */
async function assertUnchanged(store: ObjectStore, object: ObjectInfo, signal: AbortSignal): Promise<void> {
  const [now] = await store.list(object.key, signal);
  if (now === undefined || now.bytes !== object.bytes || !sameJson(now.version, object.version))
    throw changed(store, object, now ?? null);
}

function changed(store: ObjectStore, object: ObjectInfo, now: ObjectInfo | null): SluiceError {
  return new SluiceError(
    'INTAKE_CHANGED',
    `${store.name(object.key)} was changed while it was read (${object.bytes} bytes then, ${now?.bytes ?? 'none'} now). ` +
      'Start anew with --overwrite when it is complete.',
  );
}
