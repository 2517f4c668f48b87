import zlib from 'node:zlib';
import type { CompressionCodec } from 'hyparquet';
import { compressors, decompressLz4, decompressLz4Raw } from 'hyparquet-compressors';
import { brokenParquet, type ParquetPlace, unsupportedParquet } from './parquet-fault.ts';

/** A page is about a megabyte, of some writers a whole row group; what unpacks to more is no page. */
const MOST_BYTES = 256 * 1024 * 1024;

type Decompress = (bytes: Uint8Array, length: number) => Uint8Array;

/** Node's own engines where it has them: zstd and brotli take a quarter of the time of those in JavaScript, gzip half. */
const engines: Partial<Record<CompressionCodec, Decompress>> = {
  UNCOMPRESSED: (bytes) => bytes,
  SNAPPY: (bytes, length) => compressors.SNAPPY!(bytes, length),
  GZIP: (bytes, length) => zlib.gunzipSync(bytes, { maxOutputLength: Math.max(1, length) }),
  ZSTD: (bytes, length) => zlib.zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, length) }),
  BROTLI: (bytes, length) => zlib.brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) }),
  LZ4: decompressLz4,
  LZ4_RAW: decompressLz4Raw,
};

/** Throws PARQUET_UNSUPPORTED for a codec that nobody here can unpack. */
export function assertReadableCodec(codec: CompressionCodec | undefined, place: ParquetPlace): void {
  if (codec !== undefined && engines[codec] !== undefined) return;
  throw unsupportedParquet(place, `it is compressed with ${codec ?? 'a codec that is not known'}, which is not read`);
}

/** The unpacked bytes of a page. */
export function unpackPage(
  codec: CompressionCodec,
  bytes: Uint8Array,
  length: number,
  place: ParquetPlace,
): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  if (length > MOST_BYTES)
    throw brokenParquet(place, `a page would unpack to ${length} bytes, where ${MOST_BYTES} are the most`);
  const page = engines[codec]!(bytes, length);
  if (page.length !== length)
    throw brokenParquet(place, `a page unpacks to ${page.length} bytes, its header says ${length}`);
  // A Buffer's `slice` gives a view where readers expect a copy.
  return new Uint8Array(page.buffer, page.byteOffset, page.byteLength);
}
