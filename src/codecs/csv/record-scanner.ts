import { LF } from '../../core/canonical-csv.ts';
import type { SluiceError } from '../../core/error.ts';
import { type Kernel, kernel as sharedKernel } from '../../core/kernel/kernel.ts';
import { RecycledBuffers } from '../../core/recycled-buffers.ts';
import type { RejectedRecord } from '../../core/row-batch.ts';
import { byteBlock } from '../byte-block.ts';
import { Arena } from './arena.ts';
import { CanonicalTranscoder } from './canonical-transcoder.ts';
import type { CsvDialect } from './csv-dialect.ts';
import {
  type FaultPlace,
  openQuoteFault,
  raggedFault,
  raggedReason,
  strayQuoteFault,
  textBehindQuoteFault,
  tooLargeFault,
} from './csv-faults.ts';
import type { CsvPosition } from './csv-position.ts';
import { rejectedRecord } from './rejected-record.ts';
import { RowList } from './row-list.ts';

const CR = 0x0d;
const ARENA_BYTES = 2 * 1024 * 1024;
/** A batch under way and a chunk of a file: an arena that starts with more is made twice as large, and not kept. */
const MOST_KEPT = 0.75 * ARENA_BYTES;
/** A source that starts with no more may be at its end with it: among thousands of small objects each would make an arena. */
const SHORT_START = 64 * 1024;
/** Unused arenas that are kept: what a job of some partitions has under way. */
const SPARE_ARENAS = 16;
const BOM = [0xef, 0xbb, 0xbf] as const;
/** A run of plain records is worth a call of the kernel from about so many on. */
const SHORT_RUN = 16;
/** So many records are scanned one by one, at the most, before the kernel is tried again. */
const LONGEST_PAUSE = 1024;

/** Why a scan stopped: it needs more bytes (or has seen them all), the batch is full, or `failure` says what is wrong. */
export type ScanStop = 'more' | 'full' | 'failed';

/** Records that were scanned, in canonical form. */
export interface ScannedRecords {
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
  /** Made when it is asked for. */
  readonly lines: Float64Array;
  readonly rejected: readonly RejectedRecord[];
  /** To be called, once, when nobody reads any of it any more, if somebody can tell. */
  readonly release: () => void;
}

/**
 * Cuts bytes into records of one dialect, checks them, and gathers them in canonical form. Each byte is looked at
 * once, whatever the chunks it comes in; a record at a batch's end that exceeds its bytes is looked at twice.
 *
 * The bytes are copied into an arena. Records of the canonical dialect stay where they are, moved together over line
 * ends of two bytes, blank lines and rejected records; so a batch is a view of the arena, which is not written to again until
 * every batch in it was released.
 */
export class RecordScanner {
  readonly #dialect: CsvDialect;
  readonly #split: string;
  /** Null for the canonical dialect. */
  readonly #transcoder: CanonicalTranscoder | null;
  readonly #spare = new RecycledBuffers(ARENA_BYTES, SPARE_ARENAS);
  #block = new Arena(new Uint8Array(0), this.#spare);
  /** The bytes of the block. */
  #arena: Uint8Array = this.#block.bytes;
  #filled = 0;
  /** Gathered canonical records: from #base to #write. */
  #base = 0;
  #write = 0;
  /** Where the record under way starts, and the next byte to look at. */
  #start = 0;
  #at = 0;
  /** What to add to an arena index, from #start on, to get the offset in the source. */
  #origin: number;
  /** Offset of the end of the source once it is known: a line end that we add does not count. */
  #sourceEnd = Number.POSITIVE_INFINITY;
  #bomChecked: boolean;
  #fields = 1;
  /** Line on which the record under way starts; line ends within it so far; the line where an open quote opened, or 0. */
  #line: number;
  #inner = 0;
  #quoteLine = 0;
  #row: number;

  #columns = 0;
  #maxRows = 1;
  #maxBytes = 0;
  readonly #rows = new RowList();
  #rejected: RejectedRecord[] = [];
  #rejectedBytes = 0;
  #failure: SluiceError | null = null;
  /** Null when every record is scanned here. */
  readonly #kernel: Kernel | null;
  /** Records to scan here before the kernel is asked again, and how many it was the last time. */
  #pause = 0;
  #lastPause = 0;
  /** What else to say about a record with another number of fields than the header. */
  hint = '';

  /** @param kernel null to scan without it. */
  constructor(dialect: CsvDialect, split: string, from: CsvPosition, kernel: Kernel | null = sharedKernel) {
    this.#dialect = dialect;
    this.#kernel = dialect.canonical ? kernel : null;
    this.#split = split;
    this.#transcoder = dialect.canonical ? null : new CanonicalTranscoder(dialect);
    this.#origin = from.offset;
    this.#line = from.line;
    this.#row = from.row;
    // Decoding to text took the mark already; what stands there now is a character.
    this.#bomChecked = from.offset > 0 || !dialect.direct;
  }

  /** Records gathered for the batch under way: rows and rejected ones. */
  get pending(): number {
    return this.#rows.length + this.#rejected.length;
  }

  /** The position behind the last record that was scanned; blank lines behind it are done, too. */
  get position(): CsvPosition {
    return { offset: Math.min(this.#start + this.#origin, this.#sourceEnd), row: this.#row, line: this.#line };
  }

  /** The 1-based line of the next byte to look at. */
  get line(): number {
    return this.#line + this.#inner;
  }

  /** Whether all bytes were appended. */
  get finished(): boolean {
    return this.#sourceEnd !== Number.POSITIVE_INFINITY;
  }

  /** What is wrong with the record at `position`, once a scan failed. */
  get failure(): SluiceError | null {
    return this.#failure;
  }

  /**
   * Begins a batch; the last one was taken.
   * @param columns fields that each record must have; 0 for any number.
   * @param rows records at the most, rejected ones included, so that a file of nothing else stays within memory.
   * @param bytes canonical bytes at the most, unless a single record has more.
   */
  begin(columns: number, rows: number, bytes: number): void {
    this.#columns = columns;
    this.#maxRows = Math.max(1, rows);
    this.#maxBytes = Math.min(bytes, 2 ** 31);
  }

  /** Copies more bytes of the source, as the dialect has them in UTF-8. */
  append(chunk: Uint8Array): void {
    if (this.#filled + chunk.length > this.#arena.length) this.#move(chunk.length);
    this.#arena.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  /** Says that all bytes were appended, and scanned as far as they go. A missing last line end is added. */
  finish(): void {
    this.#sourceEnd = this.#filled + this.#origin;
    if (this.#filled > this.#start) this.append(Uint8Array.of(LF));
  }

  /** The gathered records; whoever takes them owns them. */
  take(): ScannedRecords {
    const rows = this.#rows.take();
    const leave = this.#transcoder === null ? this.#block.lend() : null;
    const taken: ScannedRecords = {
      bytes: this.#transcoder?.take() ?? this.#arena.subarray(this.#base, this.#write),
      ends: rows.ends,
      get lines() {
        return rows.lines;
      },
      rejected: this.#rejected,
      release: () => {
        leave?.();
        rows.release();
      },
    };
    this.#base = this.#write = this.#start;
    this.#rejected = [];
    this.#rejectedBytes = 0;
    return taken;
  }

  /** Starts counting rows at 0 again: what came before was the header. */
  restartRows(): void {
    this.#row = 0;
  }

  /** Gathers records until the batch is full, the bytes end, or one is not sound. */
  scan(): ScanStop {
    if (!this.#bomChecked && !this.#skipBom()) return 'more';
    if (this.#scanPlain()) return 'full';
    const bytes = this.#arena;
    const end = this.#filled;
    const delimiter = this.#dialect.delimiter.byte;
    const quote = this.#dialect.quote.byte;
    // Most bytes of most files are greater than all that mean something: one comparison passes them.
    const top = Math.max(delimiter, quote, CR);
    let fields = this.#fields;
    let start = this.#start;
    let at = this.#at;
    if (this.#quoteLine !== 0) {
      at = this.#closeQuote(at);
      if (at < 0) return this.#paused();
    }
    while (at < end) {
      const byte = bytes[at]!;
      if (byte > top) {
        at += 1;
      } else if (byte === delimiter) {
        fields += 1;
        at += 1;
      } else if (byte === quote) {
        this.#fields = fields;
        if (at !== start && bytes[at - 1] !== delimiter) {
          this.#failure = strayQuoteFault(this.#place(this.line));
          return 'failed';
        }
        this.#quoteLine = this.#line + this.#inner;
        at = this.#closeQuote(at + 1);
        if (at < 0) return this.#paused();
      } else if (byte === LF || byte === CR) {
        // Whether a CR is a line end of its own shows only the next byte.
        if (byte === CR && at + 1 === end) break;
        const next = byte === CR && bytes[at + 1] === LF ? at + 2 : at + 1;
        if (at !== start) {
          if (at - start > this.#dialect.maxRecordBytes) return this.#tooLarge();
          if (fields !== this.#columns && this.#columns !== 0) {
            if (!this.#ragged(start, at, fields)) return 'failed';
          } else if (!this.#accept(start, at, next)) {
            // The record goes to the next batch, and is scanned again for it.
            this.#at = start;
            this.#fields = 1;
            this.#inner = 0;
            return 'full';
          }
        }
        this.#line += this.#inner + 1;
        this.#inner = 0;
        fields = 1;
        this.#fields = 1;
        this.#start = this.#at = next;
        if (this.#isFull || this.#scanPlain()) return 'full';
        start = at = this.#start;
      } else {
        at += 1;
      }
    }
    this.#fields = fields;
    this.#at = at;
    return this.#paused();
  }

  /**
   * Gathers the plain records that come next, all at once; true when the batch is full. Where there are few of them, in files with
   * many quotes, it does so rarely. A record that does not fit the batch, or not yet, is left to `scan`.
   */
  #scanPlain(): boolean {
    if (this.#kernel === null || this.#columns === 0 || this.#at !== this.#start || this.#quoteLine !== 0) return false;
    if (this.#pause > 0) {
      this.#pause -= 1;
      return false;
    }
    const start = this.#start;
    const bytes = this.#arena.subarray(start, Math.min(this.#filled, start + this.#maxBytes - this.#size()));
    if (bytes.length === 0) return false;
    const ends = this.#kernel.scan(bytes, {
      columns: this.#columns,
      most: this.#maxRows - this.pending,
      longest: this.#dialect.maxRecordBytes,
      delimiter: this.#dialect.delimiter.byte,
      quote: this.#dialect.quote.byte,
    });
    const rows = ends?.length ?? 0;
    this.#lastPause = rows < SHORT_RUN ? Math.min(LONGEST_PAUSE, Math.max(1, 2 * this.#lastPause)) : 0;
    this.#pause = this.#lastPause;
    if (ends === null || rows === 0) return false;
    const length = ends[rows - 1]!;
    if (this.#write !== start) this.#arena.copyWithin(this.#write, start, start + length);
    this.#rows.pushRun(ends, this.#write - this.#base, this.#line);
    this.#write += length;
    this.#row += rows;
    this.#line += rows;
    this.#start = this.#at = start + length;
    return this.#isFull;
  }

  get #isFull(): boolean {
    return this.pending >= this.#maxRows || this.#size() >= this.#maxBytes;
  }

  /**
   * From `from`, within quotes, to just past the closing one. -1 when the bytes end first, or when it is followed by
   * text: `#at` is then where to continue.
   */
  #closeQuote(from: number): number {
    const bytes = this.#arena;
    const end = this.#filled;
    const delimiter = this.#dialect.delimiter.byte;
    const quote = this.#dialect.quote.byte;
    const top = Math.max(quote, CR);
    let at = from;
    while (at < end) {
      const byte = bytes[at]!;
      if (byte > top) {
        at += 1;
      } else if (byte === quote) {
        if (at + 1 === end) break;
        const next = bytes[at + 1]!;
        if (next === quote) {
          at += 2;
        } else if (next === delimiter || next === LF || next === CR) {
          this.#quoteLine = 0;
          return at + 1;
        } else {
          this.#failure = textBehindQuoteFault(this.#place(this.line));
          break;
        }
      } else {
        if (byte === CR || (byte === LF && bytes[at - 1] !== CR)) this.#inner += 1;
        at += 1;
      }
    }
    this.#at = at;
    return -1;
  }

  /** The bytes ended, or a quote is wrong: what that means. */
  #paused(): ScanStop {
    if (this.#failure !== null) return 'failed';
    if (this.#at - this.#start > this.#dialect.maxRecordBytes) return this.#tooLarge();
    if (this.#quoteLine === 0 || !this.finished) return 'more';
    this.#failure = openQuoteFault(this.#place(this.#quoteLine));
    return 'failed';
  }

  #tooLarge(): ScanStop {
    const { maxRecordBytes } = this.#dialect;
    this.#failure = tooLargeFault(this.#place(this.#line), maxRecordBytes, this.#quoteLine);
    return 'failed';
  }

  #place(line: number): FaultPlace {
    return { split: this.#split, line, field: this.#fields };
  }

  #size(): number {
    return (this.#transcoder === null ? this.#write - this.#base : this.#transcoder.size) + this.#rejectedBytes;
  }

  /** Gathers a sound record; false when the batch has no room for it. */
  #accept(start: number, end: number, next: number): boolean {
    const length = end - start;
    const room = this.#rows.length === 0 ? Number.POSITIVE_INFINITY : this.#maxBytes;
    if (this.#transcoder !== null) {
      const size = this.#transcoder.size;
      this.#transcoder.append(this.#arena, start, end);
      if (this.#size() > room) {
        this.#transcoder.size = size;
        return false;
      }
      this.#base = this.#write = next;
    } else {
      if (this.#size() + length + 1 > room) return false;
      const write = this.#write;
      if (write !== start) this.#arena.copyWithin(write, start, end);
      this.#arena[write + length] = LF;
      this.#write = write + length + 1;
    }
    this.#rows.push(this.#transcoder === null ? this.#write - this.#base : this.#transcoder.size, this.#line);
    this.#row += 1;
    return true;
  }

  /** A record with another number of fields than the header; false when it ends the job. */
  #ragged(start: number, end: number, fields: number): boolean {
    const reason = raggedReason(fields, this.#columns);
    if (this.#dialect.raggedRows === 'fail') {
      this.#failure = raggedFault(this.#place(this.#line), reason, this.hint);
      return false;
    }
    const rejected = rejectedRecord(this.#arena.subarray(start, end), this.#line, reason, this.#dialect);
    this.#rejected.push(rejected);
    this.#rejectedBytes += rejected.bytes.length;
    return true;
  }

  /** True once it is known whether the data begins with a byte order mark, which is skipped. */
  #skipBom(): boolean {
    const found = BOM.findIndex((byte, i) => this.#arena[i] !== byte || i >= this.#filled);
    if (found >= 0 && found === this.#filled && !this.finished) return false;
    this.#bomChecked = true;
    if (found < 0) this.#base = this.#write = this.#start = this.#at = BOM.length;
    return true;
  }

  /** Makes room for `length` more bytes: a fresh arena, because batches may be views of this one. */
  #move(length: number): void {
    const rows = this.#arena.subarray(this.#base, this.#write);
    const tail = this.#arena.subarray(this.#start, this.#filled);
    const kept = rows.length + tail.length + length;
    // Room for as much again or more, so that all moves together copy each byte a few times at the most.
    const isShort = this.#arena.length === 0 && kept <= SHORT_START;
    const bytes = isShort ? byteBlock(2 * kept) : this.#spare.take(kept <= MOST_KEPT ? ARENA_BYTES : 2 * kept);
    const block = new Arena(bytes, this.#spare);
    const arena = block.bytes;
    arena.set(rows);
    arena.set(tail, rows.length);
    this.#block.retire();
    this.#block = block;
    const shift = rows.length - this.#start;
    this.#arena = arena;
    this.#base = 0;
    this.#write = rows.length;
    this.#filled = rows.length + tail.length;
    this.#start += shift;
    this.#at += shift;
    this.#origin -= shift;
  }
}
