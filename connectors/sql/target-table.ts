import { type Column, type Schema, SluiceError } from '../../src/sdk.ts';
import type { SqlDialect } from './dialect.ts';
import type { CanonicalRows } from './driver.ts';
import { columnNamed, isWallClock, type SqlColumn, type TableDescription, type TableName } from './sql-column.ts';
import { SqlFault } from './sql-fault.ts';
import type { SqlOutput } from './sql-output.ts';
import { sampledTypes } from './value-types.ts';

/** The table of an output as this job writes it. */
export interface TargetTable {
  readonly table: TableName;
  /** One for each field of the rows, the run's last where there is one. */
  readonly columns: readonly SqlColumn[];
  /** Names of columns, as the table has them. */
  readonly set: readonly string[];
  readonly match: readonly string[];
  /** Statements that make it, where it is not there. */
  readonly create: readonly string[];
}

/** The place of each output column in a table that is there. Throws DATABASE_MISSING for one that the table lacks, CONFIG_INVALID for one that nobody may write. */
export function targetOf(found: TableDescription, schema: Schema, output: SqlOutput, dialect: SqlDialect): TargetTable {
  const name = dialect.tableName(found.table);
  if (found.unwritable !== undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `outputSettings.table: ${name} ${found.unwritable}; rows in it could not be told apart from those of a broken run. Change it, or write to another table.`,
    );
  }
  const names = [
    ...schema.columns.map((column) => column.name),
    ...(output.runColumn === null ? [] : [output.runColumn]),
  ];
  const { set, match } = updated(output, names);
  const isUpdate = output.statement === 'update';
  const needed = isUpdate ? new Set([...set, ...match]) : new Set(names);
  const written = isUpdate ? new Set(set) : needed;
  const columns = names.map((one): SqlColumn => {
    const column = columnNamed(found.columns, one);
    if (column === undefined) {
      // What an update does not look at need not be in the table.
      if (!needed.has(one)) return made(one, { type: 'string' }, dialect);
      throw new SqlFault(
        'missing',
        `the table ${name} has no column "${one}"; it has ${found.columns.map((has) => has.name).join(', ')}. ` +
          'columnNamesRemapping renames a column of the output, or drops it',
        { what: 'column' },
      );
    }
    if (column.writable || !written.has(one)) return column;
    throw new SluiceError(
      'CONFIG_INVALID',
      `outputSettings.table: the column "${column.name}" of ${name} is filled by the database and cannot be written; drop it by columnNamesRemapping.`,
    );
  });
  const twice = columns.find((column, at) => columns.findIndex((other) => other.name === column.name) !== at);
  if (twice !== undefined) {
    throw new SluiceError(
      'COLUMN_CONFLICT',
      `two columns of the output go to the column "${twice.name}" of ${name}, which knows no capitals; rename one with columnNamesRemapping.`,
    );
  }
  const inTable = (one: string): string => columns[names.indexOf(one)]!.name;
  return { table: found.table, columns, set: set.map(inTable), match: match.map(inTable), create: [] };
}

/** A table that is made for the rows. Types are those of the schema, and of a sample of the rows where it has none. */
export function newTarget(
  table: TableName,
  schema: Schema,
  sample: CanonicalRows,
  output: SqlOutput,
  dialect: SqlDialect,
): TargetTable {
  const types = sampledTypes(sample, schema.columns.length);
  const columns = schema.columns.map((column, at) =>
    made(column.name, column.type === undefined ? types[at]! : { type: column.type, exact: column.exact }, dialect),
  );
  if (output.runColumn !== null)
    columns.push({ ...made(output.runColumn, { type: 'string' }, dialect), declared: dialect.keyText(64) });
  const { set, match } = updated(
    output,
    columns.map(({ name }) => name),
  );
  return { table, columns, set, match, create: createStatements(table, columns, dialect) };
}

/** How a table of these columns is made. */
export function createStatements(
  table: TableName,
  columns: readonly SqlColumn[],
  dialect: SqlDialect,
): readonly string[] {
  const fields = columns.map(({ name, declared }) => `${dialect.quote(name)} ${declared}`).join(', ');
  return [`CREATE TABLE ${dialect.tableName(table)} (${fields})`];
}

type Meaning = { readonly [K in 'type' | 'exact']?: Column[K] | undefined };

function made(name: string, { type, exact }: Meaning, dialect: SqlDialect): SqlColumn {
  const declared = dialect.typeOf(type, exact);
  const clock = isWallClock(exact);
  // Digits that no number of this database holds are a text of it.
  const isDigits = type === 'decimal' && /char|text/i.test(declared);
  return {
    name,
    type: isDigits ? 'string' : type,
    ...(clock ? { exact: exact! } : {}),
    declared,
    holdsEmptyText: (type === 'string' || type === undefined) && !clock,
    writable: true,
  };
}

function updated(output: SqlOutput, names: readonly string[]): Pick<TargetTable, 'set' | 'match'> {
  if (output.statement === 'insert') return { set: [], match: [] };
  for (const field of ['whereColumns', 'updateColumns'] as const) {
    const unknown = output[field].find((name) => !names.includes(name));
    if (unknown === undefined) continue;
    throw new SluiceError(
      'COLUMN_UNKNOWN',
      `outputSettings.${field}: the output has no column "${unknown}"; it has ${names.join(', ')}. Columns of the intake come with passthroughColumns.`,
    );
  }
  const match = output.whereColumns;
  const set = output.updateColumns.length > 0 ? output.updateColumns : names.filter((name) => !match.includes(name));
  // The run's column is written with every row, also when only some columns are.
  const run = output.runColumn;
  return { set: run === null || set.includes(run) ? set : [...set, run], match };
}
