import type { BatchLimits } from '../../core/batch-limits.ts';
import { type Clock, systemClock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { RowBatch } from '../../core/row-batch.ts';
import { type Schema, schemaOf } from '../../core/schema.ts';
import type { Source } from '../../core/source.ts';
import type { Value } from '../../core/value.ts';
import { ChunkReader } from '../chunk-reader.ts';

/** One row: a value for each column. A column that a row lacks is null. */
export type ObjectRow = Readonly<Record<string, Value | undefined>>;

/** Rows are gathered by number; their size in bytes is known only when they are written as CSV. */
const MOST_ROWS = 1_000;
const NAME = 'the stream';

/**
 * The source for a stream of objects that comes once: one split, no identity, no continuation. The columns are the keys
 * of the first row; a row with another key is CSV_HEADER, with its number.
 */
export function createRecordSource(input: AsyncIterable<ObjectRow>, clock: Clock = systemClock): Source {
  return {
    bytesRead: 0,
    identity: async () => null,
    splits: async () => [{ id: NAME, bytes: null }],
    read: (_split, _after, limits, signal) =>
      new RecordBatches(limits, clock).read(new ChunkReader(input, clock, signal)),
    check: async () => undefined,
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Gathers objects to batches: full ones, and what there is when the next object lets itself be waited for. */
class RecordBatches {
  readonly #limits: BatchLimits;
  readonly #clock: Clock;
  #schema: Schema | undefined;
  #names: readonly string[] = [];
  #records: Value[][] = [];
  #rows = 0;

  constructor(limits: BatchLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  async *read(reader: ChunkReader<ObjectRow>): AsyncGenerator<RowBatch> {
    // When the batch under way goes as it is, however soon its next object would come.
    let deadline = Number.POSITIVE_INFINITY;
    try {
      for (;;) {
        const object = await reader.next(Math.max(0, deadline - this.#clock.now()));
        if (object === null) break;
        if (object !== 'late') this.#add(object);
        if (this.#records.length === 1) deadline = this.#clock.now() + this.#limits.lingerMs;
        const full = this.#records.length >= Math.min(this.#limits.rows, MOST_ROWS);
        if (!full && object !== 'late') continue;
        yield this.#batch();
        deadline = Number.POSITIVE_INFINITY;
      }
      if (this.#records.length > 0) yield this.#batch();
    } finally {
      await reader.close();
    }
  }

  #add(object: ObjectRow): void {
    if (this.#schema === undefined) {
      this.#names = Object.keys(object);
      this.#schema = schemaOf(this.#names);
    }
    const stranger = Object.keys(object).find((key) => !this.#names.includes(key));
    if (stranger !== undefined) {
      throw new SluiceError(
        'CSV_HEADER',
        `row ${this.#rows} has a column "${stranger}" that the first row does not have; give every row the keys of the first`,
      );
    }
    this.#records.push(this.#names.map((name) => object[name] ?? null));
    this.#rows += 1;
  }

  #batch(): RowBatch {
    const firstRow = this.#rows - this.#records.length;
    const after = firstRow === 0 ? null : firstRow;
    const origin = { split: NAME, firstRow, after, position: this.#rows, rejected: [] };
    const made = RowBatch.fromRecords(this.#schema!, origin, this.#records);
    this.#records = [];
    return made;
  }
}
