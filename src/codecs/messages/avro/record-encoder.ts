import { SluiceError } from '../../../core/error.ts';
import type { AvroNode } from './avro-node.ts';
import type { AvroSchema } from './avro-type.ts';
import { avroValue, ValueFault } from './avro-value.ts';
import { bare, type Cell, cellsOf } from './cells.ts';

type AvroRecord = Record<string, unknown>;

/** A cell with the index of its column. */
interface Source {
  readonly cell: Cell;
  readonly index: number;
  /** Of a field of a record that may be null: the columns of all its fields. Null when the record may not be null. */
  readonly together: readonly number[] | null;
}

/** Makes Avro records of rows. */
export class RecordEncoder {
  readonly #type: AvroSchema['type'];
  readonly #sources: readonly Source[];
  /** Fields that are null where no column says more. */
  readonly #nulls: AvroRecord = {};

  /**
   * Throws MESSAGE_SCHEMA when the schema is no record, or has a field that neither is a column, nor may be null, nor has a default.
   * @param names for each column the name that its field has.
   */
  constructor({ node, type }: AvroSchema, names: readonly string[]) {
    this.#type = type;
    if (node.kind !== 'record') throw new SluiceError('MESSAGE_SCHEMA', 'The schema that is written is no record.');
    const cells = cellsOf(node, new Set(names))
      .map((cell) => ({ cell, index: names.indexOf(cell.column.name) }))
      .filter(({ index }) => index >= 0);
    const optional = new Set(node.fields.filter((field) => mayBeNull(field.node)).map(({ name }) => name));
    this.#sources = cells.map(({ cell, index }) => {
      const siblings = cells.filter((other) => other.cell.field === cell.field);
      const together = cell.inner !== null && optional.has(cell.field) ? siblings.map(({ index }) => index) : null;
      return { cell, index, together };
    });
    const given = new Set(this.#sources.map(({ cell }) => cell.field));
    for (const field of node.fields) {
      if (optional.has(field.name) && !(field.hasDefault && !given.has(field.name))) this.#nulls[field.name] = null;
      if (given.has(field.name) || field.hasDefault || optional.has(field.name)) continue;
      throw new SluiceError(
        'MESSAGE_SCHEMA',
        `The schema that is written has the field ${JSON.stringify(field.name)}, which is no column, may not be null, and has no default. ` +
          'Give it a default, or take it out.',
      );
    }
  }

  /** @param row its number in the batch, for messages. */
  record(fields: readonly (string | null)[], row: number): AvroRecord {
    const record: AvroRecord = { ...this.#nulls };
    for (const { cell, index, together } of this.#sources) {
      const text = fields[index]!;
      if (together?.every((index) => fields[index] === null)) continue;
      try {
        if (cell.inner === null) record[cell.field] = avroValue(cell.node, text);
        else ((record[cell.field] ??= {}) as AvroRecord)[cell.inner] = avroValue(cell.node, text);
      } catch (error) {
        if (!(error instanceof ValueFault)) throw error;
        throw new SluiceError(
          'MESSAGE_SCHEMA',
          `Row ${row} of a batch cannot be written as Avro: ${error.message}, in the column ${JSON.stringify(cell.column.name)}. ` +
            'Change the type of the field.',
          { cause: error },
        );
      }
    }
    return record;
  }

  /** The offset just past the record; less than 0, by as much as bytes are missing, when there is no room. */
  encode(record: AvroRecord, out: Buffer, at: number): number {
    return this.#type.encode(record, out, at);
  }
}

function mayBeNull(node: AvroNode): boolean {
  return node.kind === 'union' && (bare(node) !== node || node.branches.some(({ kind }) => kind === 'null'));
}
