import type { DatabaseSync } from 'node:sqlite';
import { keepActuals } from '../../monitoring/actuals.ts';
import type { BaselineInput } from './make-baseline.ts';
import { type ActualColumns, readActuals } from './read-actuals.ts';

/**
 * Keeps the actuals of a file. Returns how many were kept. Closes the source. Throws what `readActuals` throws; batches before are kept then, and
 * may come again.
 */
export async function addActuals(
  database: DatabaseSync,
  deployment: string,
  input: BaselineInput,
  columns: ActualColumns,
  signal: AbortSignal,
): Promise<number> {
  let kept = 0;
  for await (const actuals of readActuals(input, columns, signal)) {
    keepActuals(database, deployment, actuals);
    kept += actuals.length;
  }
  return kept;
}
