import { SluiceError } from '../../src/sdk.ts';
import type { SqlDialect } from './dialect.ts';
import type { SqlConnection } from './driver.ts';
import { columnNamed, type TableDescription } from './sql-column.ts';
import { SqlFault } from './sql-fault.ts';
import type { SqlHolds } from './sql-holds.ts';
import type { LedgerRow } from './state-tables.ts';
import type { TakenOutput } from './taken-output.ts';

/** What is needed to take back what earlier runs have written. */
export interface FormerRuns extends Pick<TakenOutput, 'output' | 'state' | 'dialect'> {
  readonly runs: readonly LedgerRow[];
  /** Null when the table is not there. */
  readonly table: TableDescription | null;
}

/** @param table its name in quotes. */
export async function countRows(connection: SqlConnection, table: string, signal: AbortSignal): Promise<number> {
  const [row] = await connection.query(`SELECT COUNT(*) FROM ${table}`, [], signal);
  return Number(row?.[0]);
}

/** Whether a table has no row. */
export async function isEmpty(connection: SqlConnection, table: string, signal: AbortSignal): Promise<boolean> {
  try {
    const sql = `SELECT CASE WHEN EXISTS (SELECT 1 FROM ${table}) THEN 1 ELSE 0 END`;
    const [row] = await connection.query(sql, [], signal);
    return Number(row?.[0]) === 0;
  } catch (error) {
    // Databases that want a table to select anything from.
    if (error instanceof SqlFault && error.kind === 'statement') return false;
    throw error;
  }
}

/**
 * Removes the rows, the dead letters and the ledgers of earlier runs, within the open transaction. Rows of others are never touched: where
 * those of the runs cannot be told from them it throws OUTPUT_EXISTS with what to do.
 */
export async function removeRuns(
  connection: SqlConnection,
  { runs, table, output, state, dialect }: FormerRuns,
  signal: AbortSignal,
): Promise<void> {
  // What an update has set is set again; to undo it nobody has the values of before.
  if (table !== null && output.statement === 'insert') await removeRows(connection, runs, table, dialect, signal);
  for (const { run } of runs) await state.remove(connection, run, signal);
}

async function removeRows(
  connection: SqlConnection,
  runs: readonly LedgerRow[],
  table: TableDescription,
  dialect: SqlDialect,
  signal: AbortSignal,
): Promise<void> {
  const name = dialect.tableName(table.table);
  const unmarked: LedgerRow[] = [];
  for (const row of runs) {
    const { rows, runColumn } = holdsOf(row);
    const column = runColumn === null ? undefined : columnNamed(table.columns, runColumn);
    if (rows === 0) continue;
    if (column === undefined) unmarked.push(row);
    else {
      const where = `${dialect.quote(column.name)} = ${dialect.parameter(1)}`;
      await connection.execute(`DELETE FROM ${name} WHERE ${where}`, [row.run], signal);
    }
  }
  if (unmarked.length === 0) return;
  const written = unmarked.reduce((sum, row) => sum + holdsOf(row).rows, 0);
  const found = await countRows(connection, name, signal);
  // Whoever has emptied the table has done the work.
  if (found === 0) return;
  const isOurs = unmarked.every((row) => holdsOf(row).whole) && found === written;
  if (isOurs && (await connection.execute(`DELETE FROM ${name}`, [], signal)) === written) return;
  throw new SluiceError(
    'OUTPUT_EXISTS',
    `${name} has ${found} rows, and earlier runs have written ${written} of them, which cannot be told from the others. ` +
      'Delete them (or empty the table) and run again with --overwrite; or give the table a text column for the ID of the run and name it by ' +
      'outputSettings.runColumn, so that the next time Sluice can.',
  );
}

function holdsOf({ ledger }: LedgerRow): SqlHolds {
  return ledger.holds as unknown as SqlHolds;
}
