import { SluiceError } from '../../src/sdk.ts';
import { databaseError } from './database-error.ts';
import type { SqlDialect } from './dialect.ts';
import type { SqlConnection } from './driver.ts';
import { findOutput } from './output-place.ts';
import { assertTable } from './output-table.ts';
import { columnNamed, type TableDescription } from './sql-column.ts';
import { sqlDriver } from './sql-drivers.ts';
import { type SqlOutput, tableOf } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';
import { StateTables } from './state-tables.ts';

/** Whether another run has a lock. Where only taking it tells, this connection has it until it is closed. */
export async function isLocked(connection: SqlConnection, name: string, signal: AbortSignal): Promise<boolean> {
  if (connection.isLocked !== undefined) return await connection.isLocked(name, signal);
  return !(await connection.tryLock(name, signal));
}

/** Writing no rows asks for the right to write some. */
async function askForRights(
  connection: SqlConnection,
  { table, columns }: TableDescription,
  { statement, updateColumns }: SqlOutput,
  { tableName, quote }: SqlDialect,
  signal: AbortSignal,
): Promise<void> {
  const writable = columns.filter((column) => column.writable);
  await connection.begin(signal);
  if (statement !== 'update') {
    const nothing = { bytes: new Uint8Array(0), ends: new Uint32Array(0) };
    await connection.load({ table, columns: writable.slice(0, 1) }, nothing, signal);
  }
  if (statement !== 'insert') {
    const set = updateColumns.map((name) => columnNamed(columns, name)!);
    const pairs = set.map(({ name }) => `${quote(name)} = ${quote(name)}`).join(', ');
    if (set.length > 0) await connection.execute(`UPDATE ${tableName(table)} SET ${pairs} WHERE 1 = 0`, [], signal);
  }
  await connection.rollback(signal);
}

/** Whether an output could be written, as far as that is found out without writing. */
export async function checkOutput(access: SqlAccess, output: SqlOutput, signal: AbortSignal): Promise<void> {
  const driver = await sqlDriver(access);
  const { dialect } = driver;
  try {
    await using connection = await driver.connect(signal);
    const place = await findOutput(connection, output, signal);
    const state = new StateTables(dialect, place.state, place.key);
    assertTable(place, output, await state.rowsIfThere(connection, signal));
    await state.check(connection, signal);
    if (await isLocked(connection, `the table ${place.key}`, signal))
      throw new SluiceError(
        'OUTPUT_LOCKED',
        `the table ${place.key} is being written by another run. Wait for it, or stop it.`,
      );
    if (place.found === null) return;
    for (const name of [...output.whereColumns, ...output.updateColumns]) {
      if (columnNamed(place.found.columns, name) !== undefined) continue;
      throw new SluiceError(
        'DATABASE_MISSING',
        `the table ${place.key} has no column "${name}", which outputSettings names.`,
      );
    }
    await askForRights(connection, place.found, output, dialect, signal);
  } catch (error) {
    throw databaseError(error, { driver, doing: `writing ${tableOf(output)}` });
  }
}
