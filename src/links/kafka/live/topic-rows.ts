import type { BatchLimits } from '../../../core/batch-limits.ts';
import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { MessageRows, ReadMessages, UnreadableMessage } from '../../../core/message-format.ts';
import { REJECTED_BYTES, type RejectedRecord, RowBatch } from '../../../core/row-batch.ts';
import { type Schema, sameColumns } from '../../../core/schema.ts';

/** Messages that were read together, and how far they have been taken. */
interface Segment {
  readonly messages: readonly Envelope[];
  readonly runs: readonly MessageRows[];
  readonly unreadable: readonly UnreadableMessage[];
  message: number;
  run: number;
  row: number;
  bad: number;
}

/** Consecutive rows of one run. */
interface Piece {
  readonly run: MessageRows;
  readonly from: number;
  to: number;
}

/** The batch that is being filled. */
interface OpenBatch {
  readonly pieces: Piece[];
  readonly envelopes: Envelope[];
  readonly rejected: RejectedRecord[];
  schema: Schema | null;
  bytes: number;
  position: number;
}

const NO_COLUMNS: Schema = { columns: [] };

/**
 * Cuts the messages of one partition into batches. The cuts depend on the messages, the limits and the place of the first
 * message only, not on how many came together; that makes a replay the same every time.
 */
export class TopicRows {
  readonly #split: string;
  readonly #segments: Segment[] = [];
  #after: number | null;
  #schema: Schema | null;
  #open: OpenBatch = emptyBatch();

  /**
   * @param split `topic/partition`.
   * @param after where the first batch starts; null: at the start of the split.
   * @param schema of batches without rows, until there was one with rows.
   */
  constructor(split: string, after: number | null, schema: Schema | null = null) {
    this.#split = split;
    this.#after = after;
    this.#schema = schema;
  }

  /** Whether any message waits to be taken. */
  get empty(): boolean {
    return this.#count === 0 && this.#segments.length === 0;
  }

  get #count(): number {
    return this.#open.envelopes.length + this.#open.rejected.length;
  }

  /** Adds messages, in the order of their offsets, and what they hold. */
  push(messages: readonly Envelope[], read: ReadMessages): void {
    if (messages.length === 0) return;
    this.#segments.push({
      messages,
      runs: read.runs,
      unreadable: read.unreadable.toSorted((a, b) => a.message - b.message),
      message: 0,
      run: 0,
      row: 0,
      bad: 0,
    });
  }

  /**
   * Fills the batch from what was pushed; true when it is full: as many rows or bytes as the limits say, or the next row has
   * other columns. Unreadable messages count as rows, so that a flood of them is bounded, too.
   */
  fill(limits: BatchLimits): boolean {
    for (let segment = this.#segments[0]; segment !== undefined; segment = this.#segments[0]) {
      while (segment.message < segment.messages.length) {
        if (!this.#addNext(segment, limits)) return true;
      }
      this.#segments.shift();
    }
    return this.#isFull(limits);
  }

  /** The batch as far as it is filled; there is at least one message in it. */
  take(): RowBatch {
    const { pieces, envelopes, rejected, position } = this.#open;
    this.#schema = this.#open.schema ?? this.#schema;
    const lines = new Float64Array(envelopes.length);
    for (let row = 0; row < lines.length; row += 1) lines[row] = envelopes[row]!.offset;
    const origin = {
      split: this.#split,
      firstRow: lines[0] ?? rejected[0]!.line,
      lines,
      after: this.#after,
      position,
      rejected,
      envelopes,
    };
    this.#after = position;
    this.#open = emptyBatch();
    const { bytes, ends } = joined(pieces);
    return RowBatch.fromCsv(this.#schema ?? NO_COLUMNS, origin, bytes, ends);
  }

  #isFull(limits: BatchLimits): boolean {
    return this.#count > 0 && (this.#count >= limits.rows || this.#open.bytes >= limits.bytes);
  }

  /** False when the segment's next message does not belong into the batch any more. */
  #addNext(segment: Segment, limits: BatchLimits): boolean {
    if (this.#isFull(limits)) return false;
    const open = this.#open;
    const index = segment.message;
    const run = segment.runs[segment.run];
    const message = segment.messages[index]!;
    if (run?.messages[segment.row] === index) {
      const { row } = segment;
      const bytes = run.ends[row]! - (row === 0 ? 0 : run.ends[row - 1]!);
      if (this.#count > 0 && open.bytes + bytes > limits.bytes) return false;
      if (open.schema === null) open.schema = this.#shared(run.schema);
      else if (!sameSchema(open.schema, run.schema)) return false;
      const last = open.pieces.at(-1);
      if (last?.run === run && last.to === row) last.to = row + 1;
      else open.pieces.push({ run, from: row, to: row + 1 });
      open.envelopes.push(message);
      open.bytes += bytes;
      segment.row += 1;
      if (segment.row === run.messages.length) {
        segment.run += 1;
        segment.row = 0;
      }
    } else {
      const bad = segment.unreadable[segment.bad];
      if (bad?.message !== index) {
        throw new SluiceError(
          'CONTRACT_BROKEN',
          `${this.#split}: the message reader gave neither a row nor a reason for offset ${message.offset}, or not in order`,
        );
      }
      const bytes = (message.value ?? new Uint8Array(0)).subarray(0, REJECTED_BYTES);
      if (this.#count > 0 && open.bytes + bytes.length > limits.bytes) return false;
      open.rejected.push({ line: message.offset, bytes, reason: bad.reason, envelope: message });
      open.bytes += bytes.length;
      segment.bad += 1;
    }
    segment.message += 1;
    open.position = message.offset + 1;
    return true;
  }

  /** The schema object of the batch before where it is the same, as others may keep things by it. */
  #shared(schema: Schema): Schema {
    return this.#schema !== null && sameSchema(this.#schema, schema) ? this.#schema : schema;
  }
}

function emptyBatch(): OpenBatch {
  return { pieces: [], envelopes: [], rejected: [], schema: null, bytes: 0, position: 0 };
}

/** Types count: outputs are written by them. */
function sameSchema(a: Schema, b: Schema): boolean {
  return a === b || (sameColumns(a, b) && a.columns.every(({ type }, index) => type === b.columns[index]!.type));
}

/** The rows of all pieces in one block; that of the run itself where there is but one piece. */
function joined(pieces: readonly Piece[]): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1 && only.from === 0) {
    const { bytes, ends } = only.run;
    return { bytes: bytes.subarray(0, ends[only.to - 1]), ends: ends.subarray(0, only.to) };
  }
  const parts = pieces.map(({ run, from, to }) => {
    const start = from === 0 ? 0 : run.ends[from - 1]!;
    return { run, from, to, start, bytes: run.bytes.subarray(start, run.ends[to - 1]) };
  });
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.bytes.length, 0));
  const ends = new Uint32Array(parts.reduce((sum, part) => sum + part.to - part.from, 0));
  let length = 0;
  let rows = 0;
  for (const part of parts) {
    bytes.set(part.bytes, length);
    for (let row = part.from; row < part.to; row += 1) {
      ends[rows] = part.run.ends[row]! - part.start + length;
      rows += 1;
    }
    length += part.bytes.length;
  }
  return { bytes, ends };
}
