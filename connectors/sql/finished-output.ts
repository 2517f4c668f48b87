import type { Manifest } from '../../src/sdk.ts';
import { databaseError } from './database-error.ts';
import { findOutput } from './output-place.ts';
import { sqlDriver } from './sql-drivers.ts';
import type { SqlOutput } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';
import { StateTables } from './state-tables.ts';

/** The manifest of the last run that finished an output; null when none has. */
export async function finishedOutput(
  access: SqlAccess,
  output: SqlOutput,
  signal: AbortSignal,
): Promise<Manifest | null> {
  const driver = await sqlDriver(access);
  try {
    await using connection = await driver.connect(signal);
    const place = await findOutput(connection, output, signal);
    const state = new StateTables(driver.dialect, place.state, place.key);
    const rows = await state.rowsIfThere(connection, signal);
    return rows.findLast((row) => row.state === 'finished')?.manifest ?? null;
  } catch (error) {
    throw databaseError(error, { driver, doing: `reading the ledger of ${output.table.name}` });
  }
}
