import zlib from 'node:zlib';
import type { CompressionCodec } from 'hyparquet';

/** How the pages of an output are packed. */
export type ParquetCompression = 'none' | 'snappy' | 'gzip' | 'zstd';

/** As the format and the writer of the library name it. */
export function codecOf(compression: ParquetCompression): CompressionCodec {
  return compression === 'none' ? 'UNCOMPRESSED' : (compression.toUpperCase() as CompressionCodec);
}

/** Beside the library's own (snappy). The same bytes give the same page. */
export const packers: Partial<Record<CompressionCodec, (bytes: Uint8Array) => Uint8Array>> = {
  GZIP: (bytes) => zlib.gzipSync(bytes),
  ZSTD: (bytes) => zlib.zstdCompressSync(bytes),
};
