import { LF, QUOTE } from '../../core/canonical-csv.ts';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';
import { RecycledBuffers } from '../../core/recycled-buffers.ts';
import { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import type { AvroSchema } from '../messages/avro/avro-type.ts';
import { RecordDecoder } from '../messages/avro/record-decoder.ts';
import { KnownColumns } from '../messages/known-columns.ts';
import type { PartToRead } from '../object-format.ts';
import { brokenAvro } from './avro-faults.ts';
import type { AvroPosition } from './avro-position.ts';
import { blockCodecs } from './block-codecs.ts';
import type { ContainerHeader } from './container-header.ts';
import type { ContainerStream } from './container-stream.ts';

const BLOCK_BYTES = 512 * 1024;
const SPARE_BLOCKS = 16;

/** The records of a block that are not rows yet. */
interface OpenBlock {
  readonly offset: number;
  readonly records: number;
  readonly data: Buffer;
  taken: number;
  at: number;
}

/** Makes batches of the blocks of one container file, from its start or from a position on. */
export class AvroDecoder {
  readonly #stream: ContainerStream;
  readonly #header: ContainerHeader;
  readonly #schema: Schema;
  readonly #records: RecordDecoder;
  readonly #part: PartToRead;
  readonly #clock: Clock;
  readonly #spare = new RecycledBuffers(BLOCK_BYTES, SPARE_BLOCKS);
  #block: OpenBlock | null = null;
  /** Records of the first block that were read before. */
  #skip: number;
  #row: number;
  #out: Buffer<ArrayBuffer> = Buffer.alloc(0);
  #at = 0;
  #ends: number[] = [];

  /** @param stream at a block: that of the position. */
  constructor(
    stream: ContainerStream,
    header: ContainerHeader,
    { type, schema }: { readonly type: AvroSchema; readonly schema: Schema },
    part: PartToRead,
    from: AvroPosition | null,
    clock: Clock,
  ) {
    this.#stream = stream;
    this.#header = header;
    this.#schema = schema;
    this.#records = new RecordDecoder(type, null, new KnownColumns(schema.columns.map(({ name }) => name)));
    this.#part = part;
    this.#clock = clock;
    this.#skip = from?.skip ?? 0;
    this.#row = from?.row ?? 0;
  }

  async *batches(): AsyncGenerator<RowBatch, void> {
    let { after } = this.#part;
    for (;;) {
      const firstRow = this.#row;
      const stop = await this.#fill();
      if (this.#ends.length > 0) {
        const batch = this.#take(firstRow, after);
        after = batch.origin.position;
        yield batch;
      }
      if (stop === 'end') return;
    }
  }

  async #fill(): Promise<'full' | 'late' | 'end'> {
    const { limits } = this.#part;
    const { lingerMs } = limits;
    const [most, mostBytes] = [Math.max(1, limits.rows), Math.min(limits.bytes, 2 ** 30)];
    let deadline: number | null = null;
    for (;;) {
      if (this.#block !== null && this.#gather(this.#block, most, mostBytes)) return 'full';
      this.#block = null;
      if (this.#ends.length >= most || this.#at >= mostBytes) return 'full';
      let patience = Number.POSITIVE_INFINITY;
      if (this.#ends.length > 0 && lingerMs !== Number.POSITIVE_INFINITY) {
        deadline ??= this.#clock.now() + lingerMs;
        patience = Math.max(0, deadline - this.#clock.now());
      }
      const packed = await this.#stream.block(this.#header.sync, patience);
      if (packed === 'late') return 'late';
      if (packed === null) return 'end';
      this.#block = { ...packed, data: await this.#unpacked(packed.data, packed.offset), taken: 0, at: 0 };
      this.#skipRecords(this.#block);
    }
  }

  async #unpacked(data: Uint8Array, offset: number): Promise<Buffer> {
    try {
      const bytes = await blockCodecs.get(this.#header.codec)!(data);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    } catch (cause) {
      throw brokenAvro(
        this.#part.split,
        offset,
        `it cannot be unpacked (${this.#header.codec}): ${messageOf(cause)}`,
        cause,
      );
    }
  }

  #skipRecords(block: OpenBlock): void {
    for (; this.#skip > 0 && block.taken < block.records; this.#skip -= 1) {
      block.at = this.#next(block).end;
      block.taken += 1;
    }
  }

  /** Writes records of a block as rows; true when the batch is full. */
  #gather(block: OpenBlock, most: number, mostBytes: number): boolean {
    while (block.taken < block.records) {
      if (this.#ends.length >= most || this.#at >= mostBytes) return true;
      const { record, end } = this.#next(block);
      const line = this.#records.line(record);
      // No UTF-16 unit has more than three bytes; and two quotes and an LF.
      this.#reserve(3 * line.length + 3);
      const from = this.#at;
      let at = from + this.#out.write(line, from);
      if (at === from) {
        this.#out[at++] = QUOTE;
        this.#out[at++] = QUOTE;
      }
      this.#out[at++] = LF;
      if (this.#ends.length > 0 && at > mostBytes) return true;
      this.#at = at;
      this.#ends.push(at);
      block.at = end;
      block.taken += 1;
    }
    if (block.at < block.data.length)
      throw brokenAvro(
        this.#part.split,
        block.offset,
        `${block.data.length - block.at} bytes are left behind its records`,
      );
    return false;
  }

  #next({ data, at, offset, taken }: OpenBlock): Exclude<ReturnType<RecordDecoder['next']>, string> {
    const next = this.#records.next(data, at);
    if (typeof next !== 'string') return next;
    throw brokenAvro(
      this.#part.split,
      offset,
      `its record ${taken + 1} (row ${this.#row + this.#ends.length}) does not fit the schema: ${next}`,
    );
  }

  #take(firstRow: number, after: Position | null): RowBatch {
    const bytes = new Uint8Array(this.#out.buffer, 0, this.#at);
    const whole = new Uint8Array(this.#out.buffer);
    const ends = Uint32Array.from(this.#ends);
    this.#row += ends.length;
    const block = this.#block;
    const isWithin = block !== null && block.taken < block.records;
    const position: AvroPosition = {
      offset: isWithin ? block.offset : this.#stream.offset,
      skip: isWithin ? block.taken : 0,
      row: this.#row,
    };
    this.#out = Buffer.alloc(0);
    this.#at = 0;
    this.#ends = [];
    const origin = { split: this.#part.split, firstRow, after, position: { ...position }, rejected: [] };
    return RowBatch.fromCsv(this.#schema, origin, bytes, ends, () => this.#spare.give(whole));
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#out.length) return;
    const block = this.#spare.take(this.#at === 0 ? length : 2 * (this.#at + length));
    const bytes = Buffer.from(block.buffer);
    bytes.set(this.#out.subarray(0, this.#at));
    if (this.#out.length > 0) this.#spare.give(new Uint8Array(this.#out.buffer));
    this.#out = bytes;
  }
}
