import { byteBlock } from './byte-block.ts';
import { bzip2Engine } from './bzip2-engine.ts';

const UNIT_BYTES = 100_000;
/** What a packed block may have beyond the bytes of a block: its tables. */
const TABLES_BYTES = 25_000;
const FIRST_BYTES = 1024 * 1024;

/**
 * The unpacked bytes of bzip2 data, of any number of streams one after the other, a block at a time: 42 bytes of the packed data can be 45 MB.
 * Throws Bzip2Error. A block is looked at once all of it is there: so chunks are copied.
 */
export async function* unpackBzip2(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const blocks = new Blocks();
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue;
    blocks.give(chunk);
    while (blocks.hasWhole) yield* blocks.next();
  }
  if (blocks.isUntouched) throw new Bzip2Error('it is empty');
  while (blocks.left > 0) yield* blocks.next();
  if (blocks.isWithinStream) throw new Bzip2Error('it ends too early');
}

/** What was given and not unpacked yet. */
class Blocks {
  readonly #given: Uint8Array[] = [];
  #bits: ReturnType<typeof bzip2Engine.bitsOf> | null = null;
  #bytes = 0;
  /** Bytes of a block of the stream; 0 between streams. */
  #blockBytes = 0;
  #room = new Int32Array(0);
  #checksum = 0;

  /** Takes a copy. */
  give(chunk: Uint8Array): void {
    this.#given.push(Uint8Array.from(chunk));
    this.#bytes += chunk.length;
    this.#bits ??= bzip2Engine.bitsOf(() => this.#given.shift());
  }

  get isUntouched(): boolean {
    return this.#bits === null;
  }

  get isWithinStream(): boolean {
    return this.#blockBytes > 0;
  }

  /** Bytes that were not looked at. */
  get left(): number {
    return this.#bytes - (this.#bits?.bytesRead ?? 0);
  }

  /** Whether the next block, or head of a stream, is there to its end. */
  get hasWhole(): boolean {
    return this.left > TABLES_BYTES + this.#blockBytes;
  }

  /** Unpacks the next block; nothing for the head of a stream and for its end. */
  next(): readonly Uint8Array[] {
    const bits = this.#bits!;
    try {
      if (this.#blockBytes === 0) {
        this.#blockBytes = UNIT_BYTES * bzip2Engine.header(bits);
        this.#checksum = 0;
        if (this.#room.length !== this.#blockBytes) this.#room = new Int32Array(this.#blockBytes);
        return [];
      }
      let out: Uint8Array = byteBlock(FIRST_BYTES);
      let filled = 0;
      const put = (byte: number): void => {
        if (filled === out.length) {
          const larger = byteBlock(2 * filled);
          larger.set(out);
          out = larger;
        }
        out[filled++] = byte;
      };
      const checksum = bzip2Engine.block(bits, put, this.#room, this.#blockBytes, this.#checksum);
      this.#checksum = checksum ?? 0;
      if (checksum === null) this.#blockBytes = 0;
      return filled === 0 ? [] : [out.subarray(0, filled)];
    } catch (error) {
      // Where the data ends within a block the engine reads on in nothing.
      throw new Bzip2Error(error instanceof TypeError ? 'it ends too early' : error);
    }
  }
}

/** What is wrong with bzip2 data, in the words of its engine. */
export class Bzip2Error extends Error {
  constructor(reason: unknown) {
    super(reason instanceof Error ? reason.message : String(reason));
  }
}
