import type { Codec } from '../../core/codec.ts';
import type { OutputRows } from '../../core/scored-batch.ts';
import type { Compression } from '../compression.ts';
import type { ObjectWriter } from '../object-format.ts';
import { packedWriter } from './packed-writer.ts';

const NOTHING = new Uint8Array(0);

/** Writes what a codec makes of rows: a header, and rows that know nothing of each other. */
export function createCodecWriter(codec: Codec, compression: Compression): ObjectWriter {
  return packedWriter(
    {
      blockBytes: 0,
      header: (schema) => ({ bytes: codec.encodeHeader(schema), state: null }),
      block: (rows) => ({ bytes: joined(rows.map((batch) => codec.encode(batch))), state: null }),
      trailer: () => NOTHING,
    },
    compression,
  );
}

/** The bytes of one batch as they are: nothing is copied. */
function joined(parts: readonly ReturnType<Codec['encode']>[]): OutputRows['bytes'] {
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}
