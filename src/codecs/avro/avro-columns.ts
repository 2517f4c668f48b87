import { SluiceError } from '../../core/error.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { AvroSchema } from '../messages/avro/avro-type.ts';
import { cellsOf } from '../messages/avro/cells.ts';

/**
 * The columns of a container's records: those that the settings name, or all of them. With `known` exactly those, in its order.
 * Throws COLUMN_UNKNOWN and FORMAT_COLUMNS.
 */
export function avroColumns(
  { node }: AvroSchema,
  names: readonly string[] | null,
  known: Schema | null,
  object: string,
): Schema {
  const cells = cellsOf(node, names === null ? null : new Set(names));
  const columns = new Map(cells.map(({ column }) => [column.name, column]));
  if (known !== null) {
    const wanted = columnNames(known);
    const missing = wanted.find((name) => !columns.has(name));
    if (missing !== undefined) throw otherColumns(object, `it has no column ${JSON.stringify(missing)}`);
    const more = names === null ? [...columns.keys()].find((name) => !wanted.includes(name)) : undefined;
    if (more !== undefined) throw otherColumns(object, `it has a column ${JSON.stringify(more)} more`);
    return known;
  }
  if (names === null) return { columns: [...columns.values()] };
  return {
    columns: names.map((name) => {
      const column = columns.get(name);
      if (column !== undefined) return column;
      throw new SluiceError(
        'COLUMN_UNKNOWN',
        `intakeSettings.columns names ${JSON.stringify(name)}, which ${object} does not have; it has ${[...columns.keys()].join(', ')}.`,
      );
    }),
  };
}

function otherColumns(object: string, what: string): SluiceError {
  return new SluiceError(
    'FORMAT_COLUMNS',
    `${object} has other columns than the first object of the intake: ${what}. Name the columns to read in intakeSettings.columns.`,
  );
}
