import type { Column, Schema } from '../../../core/schema.ts';

const TYPES: Readonly<Record<string, string>> = { boolean: 'boolean', integer: 'long', number: 'double' };

/**
 * The Avro schema of rows, as JSON text: a record whose fields are all optional, so that columns may come and go. Names are made
 * valid (letters, digits and `_`); where that changes one, `doc` has the column's own.
 */
export function rowSchemaText(schema: Schema): string {
  const names = fieldNames(schema.columns);
  const fields = schema.columns.map(({ name, type }, i) => ({
    name: names[i],
    type: ['null', TYPES[type ?? ''] ?? 'string'],
    default: null,
    ...(names[i] === name ? {} : { doc: name }),
  }));
  return JSON.stringify({ type: 'record', name: 'SluiceRow', fields });
}

/** The name of the field of each column. */
export function fieldNames(columns: readonly Column[]): readonly string[] {
  const taken = new Set(columns.map(({ name }) => name));
  const given = new Set<string>();
  return columns.map(({ name }) => {
    const valid = name.replaceAll(/[^A-Za-z0-9_]/g, '_').replace(/^(?=\d|$)/, '_');
    let field = valid;
    for (let i = 2; given.has(field) || (field !== name && taken.has(field)); i += 1) field = `${valid}_${i}`;
    given.add(field);
    return field;
  });
}
