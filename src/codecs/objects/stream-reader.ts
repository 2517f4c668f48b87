import type { BatchLimits } from '../../core/batch-limits.ts';
import type { StreamDecoder } from '../../core/codec.ts';
import { decompress } from '../compression.ts';
import type { ObjectReader, ReadableObject } from '../object-format.ts';
import { skipBytes } from './skip-bytes.ts';

/** Without an end to the patience: the columns of JSON are those of the first rows, and a store that is slow must not make them fewer. */
const ONE_ROW: BatchLimits = { rows: 1, bytes: 1, lingerMs: Number.POSITIVE_INFINITY };

/** Reads objects that are one stream of bytes, packed or not: the object is its only part. */
export function createStreamReader(decoder: StreamDecoder): ObjectReader {
  const read: ObjectReader['read'] = (object, { split, after, schema, limits }, signal) => {
    const chunks = unpacked(object, decoder.offset(after), signal);
    return decoder.decode(chunks, { split, after, limits }, schema, signal);
  };
  return {
    parts: async ({ bytes }) => [{ id: null, bytes }],
    async schema(object, known, signal) {
      const part = { id: null, bytes: object.bytes };
      const whole = { part, split: object.name, after: null, schema: known, limits: ONE_ROW };
      for await (const batch of read(object, whole, signal)) return batch.schema;
      return null;
    },
    read,
  };
}

/** The bytes from `offset` on. A packed stream cannot be entered in its middle: it is unpacked from its start and skipped to the place. */
function unpacked(object: ReadableObject, offset: number, signal: AbortSignal): AsyncIterable<Uint8Array> {
  const { compression, name } = object;
  if (compression === 'none') return object.read(offset, signal);
  return skipBytes(decompress(compression, object.read(0, signal), name, signal), offset);
}
