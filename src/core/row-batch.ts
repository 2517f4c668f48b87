import { decodeRecord, encodeRecords } from './canonical-csv.ts';
import type { Envelope } from './envelope.ts';
import { SluiceError } from './error.ts';
import type { Position } from './position.ts';
import type { Schema } from './schema.ts';
import type { Value } from './value.ts';

/** A record that the source read but could not make a row of (a wrong number of fields), when it was told to go on. */
export interface RejectedRecord {
  /** 1-based line of the source on which the record starts; the offset, in a topic. */
  readonly line: number;
  /** The record as it stood in the source, decoded to UTF-8, at most `REJECTED_BYTES` of it. */
  readonly bytes: Uint8Array;
  readonly reason: string;
  /** The message that it came in, where it came in one. */
  readonly envelope?: Envelope | undefined;
}

/** How much of a rejected record or bad row is kept, in bytes. */
export const REJECTED_BYTES = 65_536;

/** Where the rows of a batch come from. */
export interface BatchOrigin {
  /** The split (file, object, key range) they were read from. */
  readonly split: string;
  /** Index within the split of the batch's first row, from 0; rejected records do not count. */
  readonly firstRow: number;
  /** 1-based line of each row in the source, where the source has lines (the offset, in a topic); same length as the batch. */
  readonly lines?: Float64Array | undefined;
  /** The position that the batch starts at; null at the start of the split. */
  readonly after: Position | null;
  /** The position after the batch's last row. */
  readonly position: Position;
  /** Records between `after` and `position` that are not among the rows. */
  readonly rejected: readonly RejectedRecord[];
  /** The message that each row came in, where it came in one; same length as the batch. */
  readonly envelopes?: readonly Envelope[] | undefined;
}

interface BatchFaces {
  readonly csv?: { readonly bytes: Uint8Array; readonly ends: Uint32Array };
  readonly records?: readonly (readonly Value[])[];
}

/**
 * Consecutive rows of one split, with one schema and one position. Two faces, converted on demand and kept: canonical
 * CSV bytes, and values. Immutable: whoever reads `bytes` must not write to it, and must not keep it beyond `release`.
 */
export class RowBatch {
  readonly schema: Schema;
  readonly origin: BatchOrigin;
  readonly rows: number;
  #csv: BatchFaces['csv'];
  #records: BatchFaces['records'];
  #onRelease: (() => void) | undefined;
  #released = false;

  private constructor(schema: Schema, origin: BatchOrigin, rows: number, faces: BatchFaces) {
    this.schema = schema;
    this.origin = origin;
    this.rows = rows;
    this.#csv = faces.csv;
    this.#records = faces.records;
  }

  /**
   * @param ends for each record the offset in `bytes` just past its LF; the first record starts at 0.
   * @param onRelease the memory of `bytes` may be written to again; called at most once.
   */
  static fromCsv(
    schema: Schema,
    origin: BatchOrigin,
    bytes: Uint8Array,
    ends: Uint32Array,
    onRelease?: () => void,
  ): RowBatch {
    const batch = new RowBatch(schema, origin, ends.length, { csv: { bytes, ends } });
    batch.#onRelease = onRelease;
    return batch;
  }

  /** @param records one array of values per row, as long as the schema has columns. */
  static fromRecords(schema: Schema, origin: BatchOrigin, records: readonly (readonly Value[])[]): RowBatch {
    return new RowBatch(schema, origin, records.length, { records });
  }

  /** Canonical CSV bytes of all rows. */
  get bytes(): Uint8Array {
    return this.#face().bytes;
  }

  /** Offset just past each record of `bytes`. */
  get ends(): Uint32Array {
    return this.#face().ends;
  }

  /** Where record `row` starts in `bytes`. */
  start(row: number): number {
    return row === 0 ? 0 : this.ends[row - 1]!;
  }

  /** The canonical bytes of one row, with its LF; a view, not a copy. */
  row(row: number): Uint8Array {
    return this.bytes.subarray(this.start(row), this.ends[row]);
  }

  /** The rows as values. From CSV every value is text or null. */
  records(): readonly (readonly Value[])[] {
    this.#records ??= Array.from({ length: this.rows }, (_, i) =>
      decodeRecord(this.bytes, this.start(i), this.ends[i]!),
    );
    return this.#records;
  }

  /** The values of one row. Those of CSV are not kept: who looks at each row once leaves nothing that grows old. */
  record(row: number): readonly Value[] {
    return this.#records?.[row] ?? decodeRecord(this.bytes, this.start(row), this.ends[row]!);
  }

  /** Rows `from` to `to` (exclusive) as a batch for one request. It keeps the origin's split and lines, not its positions. */
  slice(from: number, to: number): RowBatch {
    const { bytes, ends } = this.#face();
    const base = this.start(from);
    const origin: BatchOrigin = {
      ...this.origin,
      firstRow: this.origin.firstRow + from,
      lines: this.origin.lines?.subarray(from, to),
      envelopes: this.origin.envelopes?.slice(from, to),
      rejected: [],
    };
    return RowBatch.fromCsv(
      this.schema,
      origin,
      bytes.subarray(base, ends[to - 1] ?? base),
      ends.slice(from, to).map((end) => end - base),
    );
  }

  /**
   * Says that nobody reads this batch any more, nor a view of its bytes, nor a slice of it: its memory is used again for later rows.
   * Called by whoever has it last: the score stage, once the outcome is rendered and what failed is copied, or a link that has
   * written it elsewhere. A batch that is never released, because
   * its job ended or it was read by somebody else, is left to the garbage collector.
   */
  release(): void {
    const onRelease = this.#onRelease;
    if (onRelease === undefined) return;
    this.#onRelease = undefined;
    this.#csv = undefined;
    this.#released = true;
    onRelease();
  }

  #face(): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
    if (this.#released) throw new SluiceError('CONTRACT_BROKEN', 'A batch was read after it had been released.');
    this.#csv ??= encodeRecords(this.#records ?? []);
    return this.#csv;
  }
}
