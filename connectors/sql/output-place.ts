import { createHash } from 'node:crypto';
import type { SqlConnection } from './driver.ts';
import type { TableDescription, TableName } from './sql-column.ts';
import type { SqlOutput } from './sql-output.ts';

/** Where an output is, and where what belongs to it is. */
export interface OutputPlace {
  readonly table: TableName;
  /** Null when the table is not there yet. */
  readonly found: TableDescription | null;
  /** What the output is called in ledgers and locks, the same on every run. */
  readonly key: string;
  /** What a part of the table is called there. */
  readonly keyOfPart: (part: string) => string;
  readonly stage: TableName;
  readonly state: Pick<TableName, 'catalog' | 'schema'>;
}

const KEY_LENGTH = 200;

/** Looks for the table of an output. */
export async function findOutput(
  connection: SqlConnection,
  { table: wanted, stateSchema, part }: Pick<SqlOutput, 'table' | 'stateSchema' | 'part'>,
  signal: AbortSignal,
): Promise<OutputPlace> {
  const found = await connection.describeTable(wanted, signal);
  // A table that is not there yet must be called as it will be when it is.
  const schemaOf = async (): Promise<string | null> =>
    connection.currentSchema === undefined
      ? wanted.schema
      : (found?.table.schema ?? wanted.schema ?? (await connection.currentSchema(signal)));
  const table: TableName = { ...wanted, schema: await schemaOf(), name: found?.table.name ?? wanted.name };
  const full = [table.catalog, table.schema, table.name].filter((name) => name !== null).join('.');
  const keyOfPart = (one: string): string => keyOf(`${full} ${one}`);
  const name = part === null ? full : `${full} ${part}`;
  const digest = digestOf(name);
  const state = { catalog: table.catalog, schema: stateSchema ?? table.schema };
  return {
    table: found?.table ?? table,
    found,
    key: keyOf(name),
    keyOfPart,
    stage: { ...state, name: `sluice_stage_${digest.slice(0, 16)}` },
    state,
  };
}

function keyOf(name: string): string {
  return name.length <= KEY_LENGTH ? name : `${name.slice(0, KEY_LENGTH)} ${digestOf(name).slice(0, 16)}`;
}

function digestOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}
