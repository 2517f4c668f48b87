import { SluiceError } from '../../src/sdk.ts';
import type { OutputPlace } from './output-place.ts';
import type { SqlOutput } from './sql-output.ts';
import type { LedgerRow } from './state-tables.ts';

/** Whether the table is there, or not, as the output wants it. @param runs what the ledger has of runs into it. */
export function assertTable({ found, key }: OutputPlace, output: SqlOutput, runs: readonly LedgerRow[]): void {
  const { create, overwrite } = output;
  if (found === null && create === 'never') {
    throw new SluiceError(
      'DATABASE_MISSING',
      `outputSettings.table: there is no table ${key}, or none that this user may see. Create it, or set createTableIfNotExists: true.`,
    );
  }
  // One that a run has made which did not come to its end, or that is to be written anew, is not in the way.
  if (found !== null && create === 'must' && !runs.some(({ state }) => state === 'open' || overwrite)) {
    throw new SluiceError(
      'OUTPUT_EXISTS',
      `outputSettings.statementType: create_table wants a table that is not there yet, and ${key} is. Use insert, or choose another table.`,
    );
  }
}
