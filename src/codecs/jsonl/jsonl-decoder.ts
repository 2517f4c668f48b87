import { LF } from '../../core/canonical-csv.ts';
import type { Clock } from '../../core/clock.ts';
import type { DecodeContext } from '../../core/codec.ts';
import { SluiceError } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';
import { REJECTED_BYTES, type RejectedRecord, RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import { ChunkReader } from '../chunk-reader.ts';
import { encodingFault } from '../csv/csv-faults.ts';
import { type CsvPosition, csvPosition } from '../csv/csv-position.ts';
import { RowList } from '../csv/row-list.ts';
import { rowRoom, writeRow } from '../messages/json/scanned-row.ts';
import { RowBlock } from '../row-block.ts';
import { Utf8Watch } from '../text/utf8-watch.ts';
import { brokenRow, longRow, type RowPlace, unknownField } from './jsonl-faults.ts';
import type { JsonlSettings } from './jsonl-settings.ts';
import { LineBuffer } from './line-buffer.ts';
import { LineText } from './line-text.ts';
import { RowColumns } from './row-columns.ts';

/** The columns are those of the rows that end within so many bytes from the start of the first object, or of its first row. */
const WINDOW_BYTES = 1024 * 1024;
type Stop = 'full' | 'more' | 'failed';

/** One reading of one stream of JSON Lines, from its start or from a position on. */
export class JsonlDecoder {
  readonly #settings: JsonlSettings;
  readonly #context: DecodeContext;
  readonly #clock: Clock;
  readonly #text: LineText;
  readonly #watch: Utf8Watch | null;
  readonly #lines: LineBuffer;
  readonly #block = new RowBlock();
  readonly #rows = new RowList();
  #columns: RowColumns;
  /** Of the next line. */
  #line: number;
  /** Rows before the batch under way. */
  #row: number;
  #rejected: RejectedRecord[] = [];
  #rejectedBytes = 0;
  #failure: SluiceError | null = null;

  constructor(settings: JsonlSettings, context: DecodeContext, clock: Clock) {
    const from: CsvPosition = csvPosition(context.after, context.split);
    this.#settings = settings;
    this.#context = context;
    this.#clock = clock;
    this.#text = new LineText(settings.encoding, from, context.split);
    this.#watch = settings.encoding.utf8 ? new Utf8Watch(from.offset) : null;
    this.#lines = new LineBuffer(from.offset);
    this.#columns = new RowColumns(settings.columns, null);
    this.#line = from.line;
    this.#row = from.row;
  }

  async *batches(
    chunks: AsyncIterable<Uint8Array>,
    known: Schema | null,
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch, void> {
    const reader = new ChunkReader(chunks, this.#clock, signal);
    try {
      let { after } = this.#context;
      this.#columns = new RowColumns(this.#settings.columns, known);
      if (after !== null && known === null)
        throw new SluiceError('CONTRACT_BROKEN', 'JSON Lines were continued without their schema.');
      if (!this.#columns.isSettled) await this.#lookAhead(reader);
      for (;;) {
        const firstRow = this.#row;
        const stop = await this.#fill(reader);
        if (this.#rows.length + this.#rejected.length > 0) {
          const batch = this.#take(firstRow, after);
          after = batch.origin.position;
          yield batch;
        }
        if (this.#failure !== null) throw this.#failure;
        if (stop === 'end') return;
      }
    } finally {
      await reader.close();
    }
  }

  get #position(): CsvPosition {
    return { offset: this.#lines.offset, row: this.#row, line: this.#line };
  }

  #take(firstRow: number, after: Position | null): RowBatch {
    const rejected = this.#rejected;
    const { bytes, release } = this.#block.take();
    this.#row += this.#rows.length;
    const rows = this.#rows.take();
    this.#rejected = [];
    this.#rejectedBytes = 0;
    const hasLines = this.#settings.unit === 'line';
    const origin = {
      split: this.#context.split,
      firstRow,
      get lines() {
        return hasLines ? rows.lines : undefined;
      },
      after,
      position: { ...this.#position } as Position,
      rejected,
    };
    return RowBatch.fromCsv(this.#columns.schema!, origin, bytes, rows.ends, () => {
      release();
      rows.release();
    });
  }

  /** Looks at the first rows for their columns, without taking them. A slow stream is not waited for once it has shown a row. */
  async #lookAhead(reader: ChunkReader): Promise<void> {
    const lines = this.#lines;
    let from = lines.start;
    let seen = 0;
    for (;;) {
      const end = lines.endOf(from);
      if (end >= 0) {
        const isFar = end + 1 - lines.start > WINDOW_BYTES;
        if (isFar && seen > 0) break;
        if (this.#scan(from, end) === null) {
          this.#columns.learn();
          seen += 1;
        } else this.#columns.forget();
        from = end + 1;
        if (isFar) break;
        continue;
      }
      if (lines.finished || (seen > 0 && lines.length > WINDOW_BYTES) || this.#isTooLong(from)) break;
      const offset = from - lines.start;
      const more = await this.#more(reader, seen > 0 ? this.#context.limits.lingerMs : Number.POSITIVE_INFINITY);
      from = lines.start + offset;
      if (!more) break;
    }
    lines.moveTo(lines.start);
    this.#columns.settle();
  }

  /** Gathers rows until the batch is full, waiting for bytes as needed; `late` when it lingered for as long as it may. */
  async #fill(reader: ChunkReader): Promise<'full' | 'failed' | 'late' | 'end'> {
    const { limits } = this.#context;
    const { lingerMs } = limits;
    const [most, mostBytes] = [Math.max(1, limits.rows), Math.min(limits.bytes, 2 ** 30)];
    let deadline: number | null = null;
    for (;;) {
      const stop = this.#gather(most, mostBytes);
      if (stop !== 'more') return stop;
      if (this.#lines.finished) return 'end';
      let patience = Number.POSITIVE_INFINITY;
      if (this.#rows.length + this.#rejected.length > 0 && lingerMs !== Number.POSITIVE_INFINITY) {
        deadline ??= this.#clock.now() + lingerMs;
        patience = Math.max(0, deadline - this.#clock.now());
      }
      if (!(await this.#more(reader, patience))) return 'late';
    }
  }

  /** Appends the next chunk, or learns that there is none; false when it was late. */
  async #more(reader: ChunkReader, patience: number): Promise<boolean> {
    const chunk = await reader.next(patience);
    if (chunk === 'late') return false;
    if (chunk === null) {
      this.#watch?.finish();
      this.#lines.append(this.#text.finish());
      this.#lines.finish();
    } else {
      this.#watch?.see(chunk);
      this.#lines.append(this.#text.read(chunk));
    }
    return true;
  }

  #gather(most: number, mostBytes: number): Stop {
    const lines = this.#lines;
    for (;;) {
      const start = lines.start;
      const end = lines.endOf(start);
      if (end < 0) {
        if (this.#text.brokenAt !== null) return this.#fail(this.#encodingFault(this.#text.brokenAt));
        if (!this.#isTooLong(start)) return 'more';
        return this.#fail(longRow(this.#place(), this.#settings.maxRecordBytes));
      }
      if (isBlank(lines.bytes, start, end)) {
        this.#pass(end);
        continue;
      }
      const brokenAt = this.#watch?.brokenAt ?? null;
      if (brokenAt !== null && brokenAt <= lines.offset + end - start) return this.#fail(this.#encodingFault(brokenAt));
      if (end - start > this.#settings.maxRecordBytes)
        return this.#fail(longRow(this.#place(), this.#settings.maxRecordBytes));
      const broken = this.#scan(start, end);
      if (broken !== null) this.#columns.forget();
      const fault = broken ?? this.#columns.fault();
      if (fault !== null) {
        if (this.#settings.badRows === 'fail')
          return this.#fail((broken === null ? unknownField : brokenRow)(this.#place(), fault));
        this.#reject(start, end, fault);
      } else if (!this.#write(start, end, mostBytes)) return 'full';
      this.#pass(end);
      if (this.#rows.length + this.#rejected.length >= most || this.#block.at + this.#rejectedBytes >= mostBytes)
        return 'full';
    }
  }

  /** What is wrong with the object on a line, or null. */
  #scan(start: number, end: number): string | null {
    const { bytes } = this.#lines;
    // The scanner stops at a NUL, which no JSON has.
    bytes[end] = 0;
    const fault = this.#columns.scanner.scan(bytes, start, end);
    bytes[end] = LF;
    return fault;
  }

  /** Writes the row that was scanned; false when the batch has no room for it. */
  #write(start: number, end: number, mostBytes: number): boolean {
    const block = this.#block;
    const from = block.at;
    block.reserve(rowRoom(end - start, this.#columns.count));
    block.at = writeRow(this.#lines.bytes, this.#columns.scanner, this.#columns.count, block.bytes, from);
    block.endRecord(from);
    if (this.#rows.length > 0 && block.at + this.#rejectedBytes > mostBytes) {
      block.at = from;
      return false;
    }
    this.#rows.push(block.at, this.#line);
    return true;
  }

  #reject(start: number, end: number, reason: string): void {
    let stop = Math.min(end, start + REJECTED_BYTES);
    const { bytes } = this.#lines;
    // No part of a character.
    while (stop < end && (bytes[stop]! & 0xc0) === 0x80) stop -= 1;
    this.#rejected.push({ line: this.#line, reason, bytes: Uint8Array.from(bytes.subarray(start, stop)) });
    this.#rejectedBytes += stop - start;
  }

  /** The line that ends at `end` is done. */
  #pass(end: number): void {
    this.#lines.moveTo(end + 1);
    this.#line += 1;
  }

  #isTooLong(from: number): boolean {
    const lines = this.#lines;
    return lines.length - (from - lines.start) > this.#settings.maxRecordBytes;
  }

  #fail(error: SluiceError): Stop {
    this.#failure = error;
    return 'failed';
  }

  #place(): RowPlace {
    const { unit, encoding } = this.#settings;
    const byte = unit === 'line' && encoding.utf8 ? this.#lines.offset : null;
    return { split: this.#context.split, unit, line: this.#line, byte };
  }

  #encodingFault(byte: number): SluiceError {
    return encodingFault(this.#context.split, this.#line, byte, this.#settings.encoding.name);
  }
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at]!;
    if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}
