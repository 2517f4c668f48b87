import { SluiceError } from '../../src/sdk.ts';
import type { SqlDialect } from './dialect.ts';
import type { SqlConnection } from './driver.ts';
import type { OutputPlace } from './output-place.ts';
import { type LedgerRow, StateTables } from './state-tables.ts';

/** What the ledger has of a run that may be completed, and the tables that it is in. */
interface FinishedRow {
  readonly state: StateTables;
  readonly row: LedgerRow;
}

/** A table whose runs are looked for. */
interface WrittenTable {
  readonly dialect: SqlDialect;
  readonly place: OutputPlace;
  /** For people. */
  readonly name: string;
}

/** The runs of jobs with an end, all of which must have finished. */
export async function finishedRows(
  connection: SqlConnection,
  { dialect, place, name }: WrittenTable,
  signal: AbortSignal,
): Promise<readonly FinishedRow[]> {
  const state = new StateTables(dialect, place.state, place.key);
  const rows = await state.rowsIfThere(connection, signal);
  const open = rows.find((row) => row.state === 'open');
  if (place.found === null || rows.length === 0 || open !== undefined) {
    const what = open === undefined ? 'No run has finished' : 'A run has been interrupted, or goes on, that writes';
    throw new SluiceError(
      'OUTPUT_UNWRITABLE',
      `${what} ${name}. Finish it first: a replay completes outputs that are finished.`,
    );
  }
  await state.ensure(connection, signal);
  return rows.map((row) => ({ state, row }));
}

/**
 * The finished parts of live topics that have dead letters, of one topic's partition the last one first. One that is being written, or was
 * interrupted, has its letters for the replay after it is finished.
 */
export async function lettersOfParts(
  connection: SqlConnection,
  { dialect, place, name }: WrittenTable,
  signal: AbortSignal,
): Promise<readonly FinishedRow[]> {
  const whole = new StateTables(dialect, place.state, place.key);
  if (place.found === null || !(await whole.isThere(connection, signal)))
    throw new SluiceError('OUTPUT_UNWRITABLE', `No job has written to ${name} yet. Run the job first.`);
  await whole.ensure(connection, signal);
  const found: (FinishedRow & { readonly from: number })[] = [];
  for (const output of await whole.outputsWithLetters(connection, signal)) {
    const state = new StateTables(dialect, place.state, output);
    await state.ensure(connection, signal);
    for (const row of await state.rows(connection, signal)) {
      const { split, from } = row.ledger.job;
      // Tables may have blanks in their names, too.
      if (row.state !== 'finished' || typeof split !== 'string' || typeof from !== 'number') continue;
      if (output === place.keyOfPart(`${split}@${from}`)) found.push({ state, row, from });
    }
  }
  return found.toSorted((a, b) => b.from - a.from);
}
