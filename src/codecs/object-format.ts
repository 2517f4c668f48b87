import type { BatchLimits } from '../core/batch-limits.ts';
import type { Clock } from '../core/clock.ts';
import type { Json } from '../core/json.ts';
import type { Position } from '../core/position.ts';
import type { RowBatch } from '../core/row-batch.ts';
import type { Schema } from '../core/schema.ts';
import type { OutputRows } from '../core/scored-batch.ts';
import type { Compression } from './compression.ts';
import type { CsvSettings } from './csv/csv-settings.ts';

/** The names that settings have for formats, in the order in which content is tried. */
export const FORMAT_NAMES = ['csv', 'jsonl', 'json', 'avro', 'parquet'] as const;
export type FormatName = (typeof FORMAT_NAMES)[number];

/** What a job says of the objects that it reads or writes. Each format takes what it knows and leaves the rest. */
export interface FormatSettings {
  /** Encoding, and for CSV the dialect. */
  readonly csv: CsvSettings;
  /** Where the array of rows is in a JSON document, as `data.rows`; null: the document is the array. */
  readonly jsonPath: string | null;
  /** Reading: only these columns, in this order; null for all. */
  readonly columns: readonly string[] | null;
}

/** What formats need from outside. */
export interface FormatPorts {
  readonly clock: Clock;
}

/** One object as a reader sees it. It does not change while it is read: the owner of the reads sees to that. */
export interface ReadableObject {
  /** For messages; never with a secret in it. */
  readonly name: string;
  /** Bytes that the store keeps. */
  readonly bytes: number;
  /** How those are packed; `read` and `range` give them as they are. */
  readonly compression: Compression;
  /** The stored bytes from `offset` on. A chunk is valid until the next one is asked for. */
  read(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** So many stored bytes from `from` on, all of them within the object; the caller's own. May be called several times at once. */
  range(from: number, length: number, signal: AbortSignal): Promise<Uint8Array>;
}

/** A part of one object that can be read by itself. */
export interface ObjectPart {
  /** What tells it from the other parts, the same on every run (`row-group-3`); null for an object that has one part. */
  readonly id: string | null;
  /** Stored bytes of it; those of all parts together are about those of the object. */
  readonly bytes: number;
}

/** What is read in one go. */
export interface PartToRead {
  readonly part: ObjectPart;
  /** The split that it is, for origins and messages. */
  readonly split: string;
  /** Where to continue; null at the start. Positions are the reader's own. */
  readonly after: Position | null;
  /** The columns of the intake, where they are known; given whenever `after` is. All batches have this very schema then. */
  readonly schema: Schema | null;
  /** Looked at anew for each batch. */
  readonly limits: BatchLimits;
}

/** Makes rows of objects of one format. Has no state between calls; several objects may be read at the same time. */
export interface ObjectReader {
  /** The parts in the order of the rows; the same for the same bytes. Reads as little as it can. */
  parts(object: ReadableObject, signal: AbortSignal): Promise<readonly ObjectPart[]>;
  /**
   * The columns of the object; null when it has no rows that could tell. Throws when they are not those of `known`, the intake's first
   * object, or when a column that the settings name is not there.
   */
  schema(object: ReadableObject, known: Schema | null, signal: AbortSignal): Promise<Schema | null>;
  /** The batches of a part behind `after`, as `Source.read` has them. */
  read(object: ReadableObject, part: PartToRead, signal: AbortSignal): AsyncIterable<RowBatch>;
}

/** Bytes to append to an output, and what the writer has to know to go on behind them. */
export interface WrittenBytes {
  /** Valid until the writer is called again or the rows are released. */
  readonly bytes: Uint8Array;
  /** Kept in the ledger; null where there is nothing to know. A writer that is made anew goes on with it. */
  readonly state: Json;
}

/**
 * Makes the bytes of one output in blocks, one call at a time: `header` once, `block` for each block, `trailer` once. An interrupted
 * output is continued by another writer from the state of its last block on: so what a later call needs to know is in the state, the
 * columns too. The bytes depend on the arguments alone: no time, no chance.
 */
export interface ObjectWriter {
  /**
   * A block is closed at the first end of a batch by which so many bytes of rows (canonical CSV) were gathered; an output is made
   * durable up to the end of a block only. 0: each batch is a block, and none is gathered.
   */
  readonly blockBytes: number;
  /**
   * What stands before the first row. It becomes durable with the first block.
   * @param seed the same for the same job, in hex; for formats that want a marker of their own.
   */
  header(schema: Schema, seed: string): WrittenBytes;
  /** @param offset bytes of the output before it. */
  block(rows: readonly OutputRows[], state: Json, offset: number): WrittenBytes | Promise<WrittenBytes>;
  /** What stands behind the last row. */
  trailer(state: Json, offset: number): Uint8Array | Promise<Uint8Array>;
}

/**
 * One format of objects: a folder of its own, and a line in `formats.ts`. The functions throw CONFIG_INVALID. A writer is made for
 * one output.
 */
export interface ObjectFormat {
  readonly name: FormatName;
  /** Endings of names, without the point, in small letters; the first one is given to outputs that are named by Sluice. */
  readonly endings: readonly string[];
  /** Whether the beginning of an object, unpacked, looks like this format and no other. */
  recognizes(head: Uint8Array): boolean;
  reader(settings: FormatSettings, ports: FormatPorts): ObjectReader;
  writer(settings: FormatSettings, compression: Compression, ports: FormatPorts): ObjectWriter;
}
