/** The parts of unbzip2-stream, which comes without types for them: blocks are taken one by one, where its stream unpacks all that it can at once. */
declare module 'unbzip2-stream/lib/bzip2.js' {
  /** Reads so many bits; null goes on to the next byte. */
  interface BitReader {
    (bits: number | null): number;
    readonly bytesRead: number;
  }

  const bzip2: {
    /** The size of the blocks of the stream that begins here, in units of 100 kB. */
    header(bits: BitReader): number;
    /** Unpacks a block: gives the checksum of the stream so far, or null at the end of the stream. */
    decompress(
      bits: BitReader,
      put: (byte: number) => void,
      room: Int32Array,
      most: number,
      checksum: number,
    ): number | null;
  };
  export default bzip2;
}

declare module 'unbzip2-stream/lib/bit_iterator.js' {
  import type { BitReader } from 'unbzip2-stream/lib/bzip2.js';

  /** @param next gives what to read from next. */
  export default function bitIterator(next: () => Uint8Array | undefined): BitReader;
}
