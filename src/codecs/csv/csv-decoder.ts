import { isUtf8 } from 'node:buffer';
import type { Clock } from '../../core/clock.ts';
import type { DecodeContext } from '../../core/codec.ts';
import { SluiceError } from '../../core/error.ts';
import type { Position } from '../../core/position.ts';
import { RowBatch } from '../../core/row-batch.ts';
import type { Schema } from '../../core/schema.ts';
import { ChunkReader } from '../chunk-reader.ts';
import { Utf8Watch } from '../text/utf8-watch.ts';
import { BinaryCheck } from './binary-check.ts';
import type { CsvDialect } from './csv-dialect.ts';
import { encodingFault } from './csv-faults.ts';
import { guessDelimiter, headerSchema } from './csv-header.ts';
import { type CsvPosition, csvPosition } from './csv-position.ts';
import { CsvText } from './csv-text.ts';
import { RecordScanner, type ScannedRecords, type ScanStop } from './record-scanner.ts';

/** One reading of one stream of CSV, from its start or from a position on. */
export class CsvDecoder {
  readonly #dialect: CsvDialect;
  readonly #context: DecodeContext;
  readonly #clock: Clock;
  readonly #from: CsvPosition;
  readonly #scanner: RecordScanner;
  readonly #text: CsvText;
  readonly #binary: BinaryCheck;
  /** Where the scanner sees the bytes as they are. */
  readonly #watch: Utf8Watch | null;

  constructor(dialect: CsvDialect, context: DecodeContext, clock: Clock) {
    this.#dialect = dialect;
    this.#context = context;
    this.#clock = clock;
    this.#from = csvPosition(context.after, context.split);
    this.#scanner = new RecordScanner(dialect, context.split, this.#from);
    this.#text = new CsvText(dialect, this.#from, context.split);
    this.#watch = dialect.direct ? new Utf8Watch(this.#from.offset) : null;
    this.#binary = new BinaryCheck(context.split, dialect.encoding.utf16 || dialect.delimiter.byte === 0);
  }

  /** The batches of the stream. @param known the schema, where it is known; must be when reading goes on in the middle. */
  async *batches(
    chunks: AsyncIterable<Uint8Array>,
    known: Schema | null,
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch, void> {
    const reader = new ChunkReader(chunks, this.#clock, signal);
    try {
      let after = this.#context.after;
      const schema = after === null ? await this.#header(reader, known) : known;
      if (schema === null) throw new SluiceError('CONTRACT_BROKEN', 'A CSV file was continued without its schema.');
      for (;;) {
        const firstRow = this.#scanner.position.row;
        const { limits } = this.#context;
        this.#scanner.begin(schema.columns.length, limits.rows, limits.bytes);
        const stop = await this.#fill(reader, limits.lingerMs);
        const pending = this.#scanner.pending > 0;
        if (pending) {
          const position: Position = { ...this.#scanner.position };
          const records = this.#checked(this.#scanner.take());
          const origin = {
            split: this.#context.split,
            firstRow: firstRow,
            get lines() {
              return records.lines;
            },
            after,
            position,
            rejected: records.rejected,
          };
          after = position;
          yield RowBatch.fromCsv(schema, origin, records.bytes, records.ends, records.release);
        }
        if (this.#scanner.failure !== null) throw this.#scanner.failure;
        if (stop === 'end') return;
      }
    } finally {
      await reader.close();
    }
  }

  async #header(reader: ChunkReader, known: Schema | null): Promise<Schema> {
    const { split } = this.#context;
    this.#scanner.begin(0, 1, Number.POSITIVE_INFINITY);
    await this.#fill(reader, Number.POSITIVE_INFINITY);
    if (this.#scanner.failure !== null) throw this.#scanner.failure;
    if (this.#scanner.pending === 0) {
      throw new SluiceError(
        'INTAKE_EMPTY',
        `${split} is empty. Check that the right file was given and written completely.`,
      );
    }
    const records = this.#checked(this.#scanner.take());
    this.#scanner.restartRows();
    const schema = headerSchema(records.bytes, split, records.lines[0]!, known, this.#dialect.maxColumns);
    const guess = schema.columns.length === 1 ? guessDelimiter(schema.columns[0]!.name) : null;
    if (guess !== null) {
      this.#scanner.hint = ` The header looks as if ${JSON.stringify(guess)} separated its columns.`;
    }
    return schema;
  }

  /** Scans until the batch is full, waiting for bytes as needed; `late` when it lingered for as long as it may. */
  async #fill(reader: ChunkReader, lingerMs: number): Promise<ScanStop | 'late' | 'end'> {
    let deadline: number | null = null;
    for (;;) {
      const stop = this.#scanner.scan();
      if (stop !== 'more') return stop;
      if (this.#text.broken) throw this.#encodingFault(this.#scanner.line, this.#text.brokenAt);
      if (this.#scanner.finished) return 'end';
      let patience = Number.POSITIVE_INFINITY;
      if (this.#scanner.pending > 0 && lingerMs !== Number.POSITIVE_INFINITY) {
        deadline ??= this.#clock.now() + lingerMs;
        patience = Math.max(0, deadline - this.#clock.now());
      }
      const chunk = await reader.next(patience);
      if (chunk === 'late') return 'late';
      if (chunk === null) {
        this.#watch?.finish();
        this.#scanner.append(this.#text.finish());
        if (!this.#text.broken) this.#scanner.finish();
      } else {
        if (this.#context.after === null) this.#binary.see(chunk);
        this.#watch?.see(chunk);
        this.#scanner.append(this.#text.read(chunk));
      }
    }
  }

  /** The records, once it is known that they are UTF-8. */
  #checked(records: ScannedRecords): ScannedRecords {
    const brokenAt = this.#watch?.brokenAt ?? null;
    if (brokenAt === null || this.#scanner.position.offset <= brokenAt || isUtf8(records.bytes)) return records;
    let start = 0;
    for (const [row, end] of records.ends.entries()) {
      if (!isUtf8(records.bytes.subarray(start, end))) throw this.#encodingFault(records.lines[row]!, brokenAt);
      start = end;
    }
    throw this.#encodingFault(records.lines.at(-1) ?? 1, brokenAt);
  }

  #encodingFault(line: number, byte: number | null): SluiceError {
    return encodingFault(this.#context.split, line, byte, this.#dialect.encoding.name);
  }
}
