import { encodeField } from '../../../core/canonical-csv.ts';
import { messageOf } from '../../../core/error.ts';
import type { KnownColumns } from '../known-columns.ts';
import type { AvroSchema } from './avro-type.ts';
import { cellValue } from './cell-value.ts';
import { type Cell, cellsOf } from './cells.ts';
import { AvroFault, valueEnd } from './value-bounds.ts';

type AvroRecord = Readonly<Record<string, unknown>>;

/** Makes rows of the data of one schema: the writer's, resolved to the reader's where there is one. */
export class RecordDecoder {
  readonly #writer: AvroSchema;
  readonly #reader: AvroSchema;
  readonly #resolver: ReturnType<AvroSchema['type']['createResolver']> | undefined;
  readonly #columns: KnownColumns;
  /** With a column, or without one yet. */
  readonly #cells: readonly Cell[];
  /** For each cell its column; known since the first message. */
  #indexes: readonly number[] | null = null;

  /** Throws MESSAGE_SCHEMA when the one cannot be resolved to the other, or has no columns. */
  constructor(writer: AvroSchema, reader: AvroSchema | null, columns: KnownColumns) {
    this.#writer = writer;
    this.#reader = reader ?? writer;
    this.#resolver = reader?.type.createResolver(writer.type);
    this.#columns = columns;
    const wanted = columns.fixed ? new Set(columns.schema.columns.map(({ name }) => name)) : null;
    this.#cells = cellsOf(this.#reader.node, wanted).filter(({ column }) => wanted?.has(column.name) ?? true);
  }

  /** The record from `at` to the end of the bytes, or what is wrong with it. */
  decode(bytes: Buffer, at: number): AvroRecord | string {
    try {
      const end = valueEnd(this.#writer.node, bytes, at);
      if (end < bytes.length) return `The record of its schema ends at byte ${end}, and the value at ${bytes.length}.`;
      return this.#reader.type.decode(bytes, at, this.#resolver).value as AvroRecord;
    } catch (error) {
      const why = error instanceof AvroFault ? error.message : messageOf(error);
      return `The value is no record of its schema: ${why}.`;
    }
  }

  /** The record at `at`, and the offset just past it. Throws AvroFault, and what avsc throws. */
  next(bytes: Buffer, at: number): { readonly record: AvroRecord; readonly end: number } {
    const end = valueEnd(this.#writer.node, bytes, at);
    return { record: this.#reader.type.decode(bytes, at, this.#resolver).value as AvroRecord, end };
  }

  /** Columns of this schema that nobody knows yet; they are added before its first row is written. */
  get missing(): readonly Cell['column'][] {
    if (this.#indexes !== null) return [];
    return this.#cells.filter(({ column }) => this.#columns.indexOf(column.name) < 0).map(({ column }) => column);
  }

  /** The record as canonical CSV, without the LF; empty when there is one column, and it is null. */
  line(record: AvroRecord): string {
    this.#indexes ??= this.#cells.map(({ column }) => this.#columns.indexOf(column.name));
    const fields: string[] = this.#columns.schema.columns.map(() => '');
    for (let i = 0; i < this.#cells.length; i += 1) {
      const { field, inner, node } = this.#cells[i]!;
      const outer = record[field];
      const value = inner === null ? outer : (outer as AvroRecord | null)?.[inner];
      fields[this.#indexes[i]!] = encodeField(cellValue(node, value));
    }
    return fields.join(',');
  }
}
