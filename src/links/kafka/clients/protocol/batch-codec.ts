import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { KafkaCompression } from '../../client.ts';

type Compress = (bytes: Buffer) => Promise<Buffer>;

/** How the records of a batch are compressed. */
export interface BatchCodec {
  /** Kafka's number of it. */
  readonly id: number;
  /** Null: not at all. */
  readonly compress: Compress | null;
  readonly crc32c: (bytes: Buffer) => number;
}

/** What Node has not, and an adapter brings. */
export interface CodecParts {
  readonly snappy: Compress;
  readonly lz4: Compress;
  readonly crc32c: (bytes: Buffer) => number;
}

const ids: Readonly<Record<KafkaCompression, number>> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
const gzip = promisify<Buffer, Buffer>(zlib.gzip);
const zstd = promisify<Buffer, Buffer>(zlib.zstdCompress);

/** Node's own codecs work beside the event loop. */
export function batchCodec(compression: KafkaCompression, { snappy, lz4, crc32c }: CodecParts): BatchCodec {
  const compress = { none: null, gzip, zstd, snappy, lz4 };
  return { id: ids[compression], compress: compress[compression], crc32c };
}
