import { createRequire } from 'node:module';

/** Reads so many bits; null goes on to the next byte. */
interface BitReader {
  (bits: number | null): number;
  readonly bytesRead: number;
}

interface Bzip2Engine {
  /** @param next gives what to read from next; where there is nothing more, reading on is a TypeError. */
  readonly bitsOf: (next: () => Uint8Array | undefined) => BitReader;
  /** The size of the blocks of the stream that begins here, in units of 100 kB. */
  readonly header: (bits: BitReader) => number;
  /** Unpacks a block: gives the checksum of the stream so far, or null at the end of the stream. */
  readonly block: (
    bits: BitReader,
    put: (byte: number) => void,
    room: Int32Array,
    most: number,
    checksum: number,
  ) => number | null;
}

const require = createRequire(import.meta.url);
const library = require('unbzip2-stream/lib/bzip2.js') as {
  readonly header: Bzip2Engine['header'];
  readonly decompress: Bzip2Engine['block'];
};

/** The parts of unbzip2-stream, which have no types: its stream unpacks all that it can at once, and they one block. */
export const bzip2Engine: Bzip2Engine = {
  bitsOf: require('unbzip2-stream/lib/bit_iterator.js') as Bzip2Engine['bitsOf'],
  // It keeps its tables in itself, so it is called as its own.
  header: (bits) => library.header(bits),
  block: (...given) => library.decompress(...given),
};
