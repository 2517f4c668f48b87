import { promisify } from 'node:util';
import { gunzip, zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaCompression } from '../../client.ts';
import { type BatchCodec, batchCodec } from '../protocol/batch-codec.ts';
import { crc32c } from './crc32c.ts';

type Bytes = (data: Buffer) => Promise<Buffer>;

/** What the packages `snappy` and `lz4-napi` have of what is needed here. */
interface SnappyPackage {
  readonly compress: Bytes;
  readonly uncompress: Bytes;
}
interface Lz4Package {
  readonly compressFrame: Bytes;
  readonly decompressFrame: Bytes;
}

const { GZIP, Snappy, LZ4, ZSTD } = kafkajs.CompressionTypes;
let registered = false;

/**
 * Teaches kafkajs the codecs that it knows by name only, for clients of the user's own. Those that need a package
 * ask for it when they meet such data.
 */
export function registerCodecs(): void {
  if (registered) return;
  registered = true;
  register(ZSTD, promisify(zstdCompress));
  register(Snappy, compressSnappy);
  register(LZ4, compressLz4);
}

/** Reads what is compressed by a codec, by Kafka's number of it. */
export async function decompress(codec: number, data: Buffer): Promise<Buffer> {
  const known = decompressors[codec];
  if (known === undefined)
    throw new SluiceError('KAFKA_FAULT', `Kafka: records are compressed by an unknown codec, ${codec}`);
  return await known(data);
}

/** How records are written. */
export function writingCodec(compression: KafkaCompression): BatchCodec {
  return batchCodec(compression, { snappy: compressSnappy, lz4: compressLz4, crc32c });
}

function register(type: 2 | 3 | 4, compress: Bytes): void {
  kafkajs.CompressionCodecs[type] = () => ({
    compress: ({ buffer }: { readonly buffer: Buffer }) => compress(buffer),
    decompress: (data: Buffer) => decompress(type, data),
  });
}

const snappy = (): Promise<SnappyPackage> => load('snappy', 'snappy');
const lz4 = (): Promise<Lz4Package> => load('lz4-napi', 'lz4');
const compressSnappy: Bytes = async (data) => (await snappy()).compress(data);
const compressLz4: Bytes = async (data) => (await lz4()).compressFrame(data);
const decompressors: Readonly<Record<number, Bytes>> = {
  [GZIP]: promisify<Buffer, Buffer>(gunzip),
  [Snappy]: async (data) => unframeSnappy(data, await snappy()),
  [LZ4]: async (data) => (await lz4()).decompressFrame(data),
  [ZSTD]: promisify<Buffer, Buffer>(zstdDecompress),
};

async function load<T>(name: string, codec: string): Promise<T> {
  try {
    const loaded = (await import(name)) as { readonly default?: T } & T;
    return loaded.default ?? loaded;
  } catch (cause) {
    const message = `messages that are compressed with ${codec} need the package ${name}: npm install ${name}`;
    // kafkajs repeats whatever does not say that it is final.
    throw Object.assign(new SluiceError('KAFKA_FAULT', message, { cause }), { retriable: false });
  }
}

const framed = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);

/** Java's clients write snappy in blocks: an 8-byte magic, two versions of 4 bytes, then each block behind its length. */
async function unframeSnappy(data: Buffer, snappy: SnappyPackage): Promise<Buffer> {
  if (!data.subarray(0, framed.length).equals(framed)) return snappy.uncompress(data);
  const blocks: Buffer[] = [];
  for (let at = 16; at < data.length; ) {
    const end = at + 4 + data.readInt32BE(at);
    blocks.push(await snappy.uncompress(data.subarray(at + 4, end)));
    at = end;
  }
  return Buffer.concat(blocks);
}
