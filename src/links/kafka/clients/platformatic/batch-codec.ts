import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { KafkaCompression } from '../../client.ts';
import type { Library } from './library.ts';

/** How the records of a batch are compressed. */
export interface BatchCodec {
  /** Kafka's number of it. */
  readonly id: number;
  /** Null: not at all. */
  readonly compress: ((bytes: Buffer) => Promise<Buffer>) | null;
  readonly crc32c: (bytes: Buffer) => number;
}

const gzip = promisify<Buffer, Buffer>(zlib.gzip);
const zstd = promisify<Buffer, Buffer>(zlib.zstdCompress);

/** Node's own codecs work beside the event loop; snappy and lz4 are the library's and quick. */
export function batchCodec(library: Library, compression: KafkaCompression): BatchCodec {
  const codec = library.compressionsAlgorithms[compression];
  const compress = {
    none: null,
    gzip: (bytes: Buffer) => gzip(bytes),
    zstd: (bytes: Buffer) => zstd(bytes),
    snappy: async (bytes: Buffer) => codec.compressSync(bytes),
    lz4: async (bytes: Buffer) => codec.compressSync(bytes),
  };
  return { id: codec.bitmask, compress: compress[compression], crc32c: library.crc32c };
}
