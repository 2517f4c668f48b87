import type { RowBatch } from '../../core/row-batch.ts';
import type { RecordAt } from './row-comparer.ts';
import type { ScoredOutput } from './scored-output.ts';

/** The rows of an output one by one, without waiting but between batches. */
export class RowReading {
  readonly name: string;
  readonly #output: ScoredOutput;
  readonly #record: RecordAt = { bytes: Buffer.alloc(0), start: 0, end: 0 };
  #batch: RowBatch | null = null;
  #at = 0;
  #rows = 0;

  constructor(output: ScoredOutput) {
    this.name = output.name;
    this.#output = output;
  }

  /** Rows taken so far. */
  get rows(): number {
    return this.#rows;
  }

  /** How many rows can be taken now; 0 at the end. */
  async available(): Promise<number> {
    while (this.#batch === null || this.#at >= this.#batch.rows) {
      this.#batch?.release();
      this.#batch = await this.#output.next();
      this.#at = 0;
      if (this.#batch === null) return 0;
      const { bytes } = this.#batch;
      this.#record.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.#batch.rows - this.#at;
  }

  /** The next row; good until the next is taken. */
  take(): RecordAt {
    const batch = this.#batch!;
    this.#record.start = batch.start(this.#at);
    this.#record.end = batch.ends[this.#at]! - 1;
    this.#at += 1;
    this.#rows += 1;
    return this.#record;
  }

  /** Reads to the end, and gives the number of all rows. */
  async countAll(): Promise<number> {
    for (let count = await this.available(); count > 0; count = await this.available()) {
      this.#rows += count;
      this.#at += count;
    }
    return this.#rows;
  }
}
