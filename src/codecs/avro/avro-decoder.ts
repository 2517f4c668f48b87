import { isUtf8 } from 'node:buffer';
import type { Clock } from '../../core/clock.ts';
import { messageOf, SluiceError } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';
import { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import type { AvroSchema } from '../messages/avro/avro-type.ts';
import { RecordDecoder } from '../messages/avro/record-decoder.ts';
import { KnownColumns } from '../messages/known-columns.ts';
import type { PartToRead } from '../object-format.ts';
import { RowBlock } from '../row-block.ts';
import { AvroBytes } from './avro-bytes.ts';
import { brokenAvro } from './avro-faults.ts';
import type { AvroPosition } from './avro-position.ts';
import { blockCodecs } from './block-codecs.ts';
import type { ContainerHeader } from './container-header.ts';
import type { ContainerStream } from './container-stream.ts';
import { RecordRows } from './record-rows.ts';

/** The records of a block that are not rows yet. */
interface OpenBlock {
  readonly offset: number;
  readonly records: number;
  readonly source: AvroBytes;
  taken: number;
}

/** Makes batches of the blocks of one container file, from its start or from a position on. */
export class AvroDecoder {
  readonly #stream: ContainerStream;
  readonly #header: ContainerHeader;
  readonly #schema: Schema;
  readonly #records: RecordDecoder;
  /** Null: the columns are in another order. */
  readonly #rows: RecordRows | null;
  readonly #part: PartToRead;
  readonly #clock: Clock;
  readonly #out = new RowBlock();
  #block: OpenBlock | null = null;
  /** Records of the first block that were read before. */
  #skip: number;
  #row: number;
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
    this.#rows = RecordRows.of(type, schema);
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
      if (this.#ends.length >= most || this.#out.at >= mostBytes) return 'full';
      let patience = Number.POSITIVE_INFINITY;
      if (this.#ends.length > 0 && lingerMs !== Number.POSITIVE_INFINITY) {
        deadline ??= this.#clock.now() + lingerMs;
        patience = Math.max(0, deadline - this.#clock.now());
      }
      const packed = await this.#stream.block(this.#header.sync, patience);
      if (packed === 'late') return 'late';
      if (packed === null) return 'end';
      this.#block = { ...packed, source: new AvroBytes(await this.#unpacked(packed.data, packed.offset), 0), taken: 0 };
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
      const from = this.#out.at;
      this.#write(block);
      this.#out.at = from;
      block.taken += 1;
    }
  }

  /** Writes records of a block as rows; true when the batch is full. */
  #gather(block: OpenBlock, most: number, mostBytes: number): boolean {
    while (block.taken < block.records) {
      if (this.#ends.length >= most || this.#out.at >= mostBytes) return true;
      const [from, before] = [this.#out.at, block.source.at];
      this.#write(block);
      if (this.#ends.length > 0 && this.#out.at > mostBytes) {
        this.#out.at = from;
        block.source.at = before;
        return true;
      }
      this.#ends.push(this.#out.at);
      block.taken += 1;
    }
    const left = block.source.bytes.length - block.source.at;
    if (left > 0) throw brokenAvro(this.#part.split, block.offset, `${left} bytes are left behind its records`);
    return false;
  }

  /** Writes the next record of a block as a row. */
  #write({ source, offset, taken }: OpenBlock): void {
    const out = this.#out;
    const start = out.at;
    try {
      if (this.#rows !== null) this.#rows.write(source, out);
      else {
        const next = this.#records.next(source.bytes, source.at);
        source.at = next.end;
        const line = this.#records.line(next.record);
        // No UTF-16 unit has more than three bytes.
        out.reserve(3 * line.length);
        out.at += out.bytes.write(line, start);
      }
    } catch (cause) {
      const row = this.#row + this.#ends.length;
      const why = `its record ${taken + 1} (row ${row}) does not fit the schema: ${messageOf(cause)}`;
      throw brokenAvro(this.#part.split, offset, why, cause);
    }
    out.reserve(3);
    out.endRecord(start);
  }

  #take(firstRow: number, after: Position | null): RowBatch {
    const { bytes, release } = this.#out.take();
    const ends = Uint32Array.from(this.#ends);
    this.#row += ends.length;
    const block = this.#block;
    const isWithin = block !== null && block.taken < block.records;
    const position: AvroPosition = {
      offset: isWithin ? block.offset : this.#stream.offset,
      skip: isWithin ? block.taken : 0,
      row: this.#row,
    };
    this.#ends = [];
    if (!isUtf8(bytes)) throw this.#wrongText(bytes, ends, firstRow);
    const origin = { split: this.#part.split, firstRow, after, position: { ...position }, rejected: [] };
    return RowBatch.fromCsv(this.#schema, origin, bytes, ends, release);
  }

  #wrongText(bytes: Uint8Array, ends: Uint32Array, firstRow: number): SluiceError {
    const row = ends.findIndex((end, i) => !isUtf8(bytes.subarray(i === 0 ? 0 : ends[i - 1], end)));
    const before = this.#block?.offset ?? this.#stream.offset;
    return new SluiceError(
      'INTAKE_ENCODING',
      `${this.#part.split} has text that is not valid UTF-8 in row ${firstRow + row}, in the block at byte ${before} or before it. ` +
        'Write bytes that are no text as the type bytes.',
    );
  }
}
