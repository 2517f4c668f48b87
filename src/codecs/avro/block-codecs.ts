import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { readSnappyLength } from './snappy-length.ts';

/** What one block may unpack to, in bytes. */
const MOST_BYTES = 256 * 1024 * 1024;

const inflate = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);
const unzstd = promisify<Uint8Array, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);
const CRC_BYTES = 4;

/** Unpacks the data of a block, by the name that a container's header has. Rejects with an error that says what is wrong. */
export const blockCodecs: ReadonlyMap<string, (data: Uint8Array) => Promise<Uint8Array>> = new Map([
  ['null', async (data) => data],
  ['deflate', (data) => inflate(data, { maxOutputLength: MOST_BYTES })],
  ['zstandard', (data) => unzstd(data, { maxOutputLength: MOST_BYTES })],
  ['snappy', unsnappy],
]);

/** Raw snappy, and the CRC-32 of what is in it, big-endian. */
async function unsnappy(data: Uint8Array): Promise<Uint8Array> {
  const packed = data.subarray(0, -CRC_BYTES);
  const length = readSnappyLength(packed);
  if (length === null || length > MOST_BYTES) throw new Error('the length of the snappy data is not sound');
  const { decompressSnappy } = await import('hyparquet-compressors');
  const bytes = decompressSnappy(packed, length);
  const wanted = new DataView(data.buffer, data.byteOffset + packed.length, CRC_BYTES).getUint32(0);
  if (zlib.crc32(bytes) !== wanted) throw new Error('the checksum of the snappy data is wrong');
  return bytes;
}
