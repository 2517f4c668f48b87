import { SluiceError } from '../../core/error.ts';
import { type Compression, compressMember } from '../compression.ts';
import type { ObjectWriter } from '../object-format.ts';

/** A packed output is a row of members (gzip) or frames (zstd), each a block. */
const MEMBER_BYTES = 4 * 1024 * 1024;

/** What `writer` writes, packed; `writer` itself for `none`. It must not look at offsets, which are those of the packed bytes here. */
export function packedWriter(writer: ObjectWriter, compression: Compression): ObjectWriter {
  if (compression === 'none') return writer;
  if (compression === 'bzip2')
    throw new SluiceError(
      'CONFIG_INVALID',
      'outputSettings.compression: bzip2 can be read and not written; take gzip or zstd, or name the output .gz or .zst.',
    );
  // The header is a part of the first member, with which it becomes durable: no continuation has to know of it.
  let header: Uint8Array = new Uint8Array(0);
  const takeHeader = (): Uint8Array => {
    const taken = header;
    header = new Uint8Array(0);
    return taken;
  };
  return {
    blockBytes: MEMBER_BYTES,
    header(schema, seed) {
      const { bytes, state } = writer.header(schema, seed);
      header = bytes;
      return { bytes: new Uint8Array(0), state };
    },
    async block(rows, before, offset) {
      const { bytes, state } = await writer.block(rows, before, offset);
      return { bytes: await compressMember(compression, Buffer.concat([takeHeader(), bytes])), state };
    },
    async trailer(state, offset) {
      const bytes = Buffer.concat([takeHeader(), await writer.trailer(state, offset)]);
      return bytes.length === 0 ? bytes : compressMember(compression, bytes);
    },
  };
}
