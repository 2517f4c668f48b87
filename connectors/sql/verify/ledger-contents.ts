import { addTally, EMPTY_TALLY, type JobIdentity, type Manifest, type Tally } from '../../../src/sdk.ts';
import type { SqlConnection } from '../driver.ts';
import type { OutputPlace } from '../output-place.ts';
import { type LedgerRow, ledgerRow, type StateTables } from '../state-tables.ts';
import { textRecords } from './text-records.ts';
import { type WrittenRun, writtenRun } from './written-run.ts';

/** What a ledger has of the runs into one table. */
export interface LedgerContents {
  readonly runs: readonly WrittenRun[];
  /** Each column that a run has written, with one such run. */
  readonly columns: ReadonlyMap<string, string>;
  /** Of the finished ones. */
  readonly tally: Tally;
  readonly models: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Reads what the ledger has of all runs into a table, those of the parts of a live topic among them. Faults as of the connection.
 * @param judge what does not add up in a manifest by itself.
 */
export async function ledgerContents(
  connection: SqlConnection,
  state: StateTables,
  place: OutputPlace,
  judge: (manifest: Manifest) => readonly string[],
  signal: AbortSignal,
): Promise<LedgerContents> {
  const [runs, problems, others] = [new Array<WrittenRun>(), new Array<string>(), new Set<string>()];
  const [columns, models] = [new Map<string, string>(), new Set<string>()];
  let tally = EMPTY_TALLY;
  const found = await connection.describeTable(state.tables.ledger, signal);
  if (found === null) {
    problems.push(
      `There is no ${state.ledgerName}${place.found === null ? ` and no table ${place.key}` : ''}, so nobody knows what ${place.key} should hold. ` +
        'A job with outputSettings.stateSchema has its ledger there; name that schema.',
    );
    return { runs, columns, tally, models: [], problems };
  }
  const read = { columns: ['output', 'run', 'state', 'ledger', 'manifest'], where: null, orderBy: [] };
  for await (const [name, ...fields] of textRecords(connection, found, read, signal)) {
    const output = String(name);
    if (output !== place.key && !output.startsWith(`${place.key} `)) {
      others.add(output);
      continue;
    }
    let row: LedgerRow;
    let written: WrittenRun;
    try {
      row = ledgerRow(fields);
      // Tables may have blanks in their names, too.
      if (output !== place.key && output !== partKey(place, row.ledger.job)) continue;
      written = writtenRun(output, row);
    } catch {
      // No JSON, or other JSON than a run writes.
      problems.push(`The ledger of the run ${fields[0]} cannot be read: something else has changed it.`);
      continue;
    }
    const { run, manifest, ledger } = row;
    runs.push(written);
    if (written.runColumn !== null) columns.set(written.runColumn, run);
    // An update need not find all columns of the output in the table.
    if (written.kind !== 'update')
      for (const column of manifest?.columns ?? ledger.columns ?? []) columns.set(column, run);
    if (!written.isFinished) continue;
    if (manifest === null)
      problems.push(`The run ${run} is finished and has no manifest: something else has changed its ledger.`);
    else {
      problems.push(...judge(manifest).map((problem) => `The run ${run}: ${problem}`));
      tally = addTally(tally, manifest.tally);
      if (manifest.model !== null) models.add(manifest.model.id);
    }
  }
  if (runs.length === 0 && problems.length === 0) {
    const known = [...others].slice(0, 5).join(', ');
    problems.push(
      `${state.ledgerName} knows of no run into ${place.key}${place.found === null ? ', and there is no such table' : ''}. ` +
        (known === '' ? 'It is empty.' : `It knows of ${known}${others.size > 5 ? ' and others' : ''}.`),
    );
  }
  return { runs, columns, tally, models: [...models], problems };
}

/** What the part of a live topic that a job wrote is called; null for a job that wrote none. */
function partKey({ keyOfPart }: OutputPlace, { split, from }: JobIdentity): string | null {
  return typeof split === 'string' && typeof from === 'number' ? keyOfPart(`${split}@${from}`) : null;
}
