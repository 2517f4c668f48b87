import { SluiceError } from '../../core/error.ts';
import type { ChunkReader } from '../chunk-reader.ts';
import { brokenAvro, noAvro } from './avro-faults.ts';
import { type ContainerHeader, decodeHeader, SYNC_BYTES } from './container-header.ts';
import { readVarint } from './varint.ts';

/** No header and no block is longer. */
const MOST_BYTES = 256 * 1024 * 1024;

/** A block as the file has it. */
export interface PackedBlock {
  /** Its offset in the file, unpacked. */
  readonly offset: number;
  readonly records: number;
  /** A copy. */
  readonly data: Uint8Array;
}

/** Cuts the bytes of a container file into header and blocks. */
export class ContainerStream {
  readonly #name: string;
  readonly #reader: ChunkReader;
  #bytes: Buffer = Buffer.alloc(0);
  /** Chunks that were not put together yet. */
  #chunks: Uint8Array[] = [];
  #chunkBytes = 0;
  #at = 0;
  /** The offset in the file of `#bytes[0]`. */
  #origin: number;
  #ended = false;

  /** @param offset in the file of the first chunk. */
  constructor(name: string, reader: ChunkReader, offset: number) {
    this.#name = name;
    this.#reader = reader;
    this.#origin = offset;
  }

  /** The offset in the file of what comes next. */
  get offset(): number {
    return this.#origin + this.#at;
  }

  async header(): Promise<ContainerHeader> {
    for (;;) {
      const header = decodeHeader(this.#bytes);
      if (typeof header === 'string') throw noAvro(this.#name, header);
      if (header !== null) {
        this.#at = header.length;
        return header;
      }
      if (this.#ended && this.#bytes.length === 0)
        throw new SluiceError(
          'INTAKE_EMPTY',
          `${this.#name} is empty. Check that the right file was given and written completely.`,
        );
      if (this.#ended || this.#bytes.length > MOST_BYTES) throw noAvro(this.#name, 'it ends within its header');
      await this.#more(2 * this.#bytes.length, Number.POSITIVE_INFINITY);
    }
  }

  /** The next block; null at the end, `late` when it has not come within `patience` milliseconds. */
  async block(sync: Uint8Array, patience: number): Promise<PackedBlock | null | 'late'> {
    for (;;) {
      const records = readVarint(this.#bytes, this.#at);
      const size = records === null ? null : readVarint(this.#bytes, records.end);
      let missing = 1;
      if (records !== null && size !== null) {
        if (records.value < 0 || size.value < 0 || size.value > MOST_BYTES)
          throw brokenAvro(this.#name, this.offset, `it has ${records.value} records of ${size.value} bytes`);
        const end = size.end + size.value;
        missing = end + SYNC_BYTES - this.#bytes.length;
        if (missing <= 0) {
          if (!sync.every((byte, i) => byte === this.#bytes[end + i]))
            throw brokenAvro(this.#name, this.offset, 'the marker behind it is not that of the file');
          const data = Uint8Array.from(this.#bytes.subarray(size.end, end));
          const block = { offset: this.offset, records: records.value, data };
          this.#at = end + SYNC_BYTES;
          return block;
        }
      }
      if (this.#ended) {
        if (this.#at === this.#bytes.length) return null;
        throw brokenAvro(this.#name, this.offset, 'the file ends within it');
      }
      if (!(await this.#more(missing, patience))) return 'late';
    }
  }

  /** Reads until so many bytes more are there, or the file ends; false when they were late. */
  async #more(missing: number, patience: number): Promise<boolean> {
    while (!this.#ended && this.#chunkBytes < Math.max(1, missing)) {
      const chunk = await this.#reader.next(patience);
      if (chunk === 'late') return false;
      if (chunk === null) this.#ended = true;
      else {
        this.#chunks.push(Uint8Array.from(chunk));
        this.#chunkBytes += chunk.length;
      }
    }
    this.#bytes = Buffer.concat([this.#bytes.subarray(this.#at), ...this.#chunks]);
    this.#origin += this.#at;
    this.#at = 0;
    this.#chunks = [];
    this.#chunkBytes = 0;
    return true;
  }
}
