import { COMMA, fieldBounds, LF, QUOTE } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { ObjectReader } from '../object-format.ts';

/**
 * Reads only some columns, in another order if need be, of a format that has them all side by side: for one that cannot leave them
 * out itself. Throws COLUMN_UNKNOWN.
 * @param names null for all: `reader` itself.
 */
export function selectingReader(reader: ObjectReader, names: readonly string[] | null): ObjectReader {
  if (names === null) return reader;
  return {
    parts: (object, signal) => reader.parts(object, signal),
    async schema(object, known, signal) {
      const all = await reader.schema(object, null, signal);
      if (all === null) return null;
      const chosen = columnsOf(all, names, object.name);
      return known ?? chosen.schema;
    },
    async *read(object, part, signal) {
      // A continuation does not see the columns that are left out, but must know how many there are.
      const all = part.after === null ? null : await reader.schema(object, null, signal);
      let chosen: ChosenColumns | null = null;
      for await (const batch of reader.read(object, { ...part, schema: all }, signal)) {
        chosen ??= columnsOf(batch.schema, names, object.name);
        yield projected(batch, part.schema ?? chosen.schema, chosen.indexes);
      }
    },
  };
}

interface ChosenColumns {
  readonly schema: Schema;
  readonly indexes: readonly number[];
}

function columnsOf(all: Schema, names: readonly string[], object: string): ChosenColumns {
  const known = columnNames(all);
  const indexes = names.map((name) => {
    const index = known.indexOf(name);
    if (index >= 0) return index;
    throw new SluiceError(
      'COLUMN_UNKNOWN',
      `intakeSettings.columns names ${JSON.stringify(name)}, which ${object} does not have; it has ${known.join(', ')}.`,
    );
  });
  return { schema: { columns: indexes.map((index) => all.columns[index]!) }, indexes };
}

function projected(batch: RowBatch, schema: Schema, indexes: readonly number[]): RowBatch {
  const { bytes } = batch;
  const bounds = new Uint32Array(2 * (Math.max(...indexes) + 1));
  const out = new Uint8Array(bytes.length + batch.rows * (indexes.length + 3));
  const ends = new Uint32Array(batch.rows);
  let at = 0;
  for (let row = 0; row < batch.rows; row += 1) {
    fieldBounds(bytes, batch.start(row), bounds);
    const start = at;
    for (const [i, index] of indexes.entries()) {
      if (i > 0) out[at++] = COMMA;
      for (let from = bounds[2 * index]!; from < bounds[2 * index + 1]!; from += 1) out[at++] = bytes[from]!;
    }
    if (at === start) {
      out[at++] = QUOTE;
      out[at++] = QUOTE;
    }
    out[at++] = LF;
    ends[row] = at;
  }
  const made = RowBatch.fromCsv(schema, batch.origin, out.subarray(0, at), ends);
  batch.release();
  return made;
}
