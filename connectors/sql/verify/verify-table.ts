import type { Manifest, Tally } from '../../../src/sdk.ts';
import { databaseError } from '../database-error.ts';
import type { SqlDialect } from '../dialect.ts';
import type { SqlConnection, SqlDriver } from '../driver.ts';
import { countRows } from '../former-runs.ts';
import { isLocked } from '../output-check.ts';
import { findOutput } from '../output-place.ts';
import { columnNamed, type TableDescription, type TableName } from '../sql-column.ts';
import { sqlDriver } from '../sql-drivers.ts';
import type { SqlAccess } from '../sql-settings.ts';
import { StateTables } from '../state-tables.ts';
import { counted, type Findings, noFindings } from './findings.ts';
import { ledgerContents } from './ledger-contents.ts';
import { letterFindings } from './letter-check.ts';
import { type CountedRows, rowFindings } from './row-counts.ts';
import type { WrittenRun } from './written-run.ts';

/** A table that jobs have written, and where its ledger is. */
export interface WrittenTable {
  readonly table: TableName;
  /** The schema of the ledger; null: that of the table. */
  readonly stateSchema: string | null;
}

/** What `verifyTable` found; the table is whole exactly if there is no problem. */
export interface TableReport extends Findings {
  /** `public.scored at db.example:5432/sales`. */
  readonly name: string;
  readonly runs: number;
  /** Of all finished runs. */
  readonly tally: Tally;
  /** The models that their rows are from. */
  readonly models: readonly string[];
}

/**
 * Checks a table against the manifests of all runs into it that its ledger has, those of the parts of a live topic among them: that they are
 * finished, that their columns and their rows are there, and their dead letters. It sees one state of the database, and writes nothing.
 * What is missing is a problem in the report; what keeps it from looking is thrown, as of any connection.
 * @param judge what does not add up in a manifest by itself.
 */
export async function verifyTable(
  access: SqlAccess,
  wanted: WrittenTable,
  judge: (manifest: Manifest) => readonly string[],
  signal: AbortSignal,
): Promise<TableReport> {
  const driver = await sqlDriver({ ...access, readsOnly: true });
  try {
    const { report, unfinished } = await lookedAt(driver, wanted, judge, signal);
    report.problems.push(...(await unfinishedProblems(driver, unfinished, signal)));
    return report;
  } catch (error) {
    throw databaseError(error, { driver, doing: `verifying the table ${wanted.table.name}` });
  }
}

interface Looked {
  readonly report: TableReport;
  readonly unfinished: readonly WrittenRun[];
}

async function lookedAt(
  driver: SqlDriver,
  wanted: WrittenTable,
  judge: (manifest: Manifest) => readonly string[],
  signal: AbortSignal,
): Promise<Looked> {
  await using connection = await driver.connect(signal);
  await connection.snapshot(null, signal);
  const { dialect } = driver;
  const place = await findOutput(connection, { ...wanted, part: null }, signal);
  const state = new StateTables(dialect, place.state, place.key);
  const table = `The table ${place.key}`;
  const ledger = await ledgerContents(connection, state, place, judge, signal);
  const { runs, tally, models } = ledger;
  const report = { ...noFindings(), name: `${place.key} at ${driver.place}`, runs: runs.length, tally, models };
  report.problems.push(...ledger.problems);
  if (runs.length === 0) return { report, unfinished: [] };
  if (place.found === null) {
    const rows = runs.reduce((sum, run) => sum + run.rows, 0);
    report.problems.push(`${table} is not there; ${counted(runs.length, 'run')} wrote ${counted(rows, 'row')} to it.`);
  } else {
    report.problems.push(...missingColumns(table, place.found, ledger.columns));
    report.checked.push(`${counted(ledger.columns.size, 'column')} by name`);
    add(report, rowFindings(table, runs, await countedRows(connection, dialect, place.found, runs, signal)));
    report.unchecked.push(
      'what the rows hold: a table has no checksum that could be read back, and others may have changed them',
    );
  }
  add(report, await letterFindings(connection, { state, dialect }, runs, signal));
  return { report, unfinished: runs.filter(({ isFinished }) => !isFinished) };
}

function missingColumns(
  table: string,
  found: TableDescription,
  columns: ReadonlyMap<string, string>,
): readonly string[] {
  return [...columns]
    .filter(([name]) => columnNamed(found.columns, name) === undefined)
    .map(([name, run]) => `${table} has no column "${name}", which the run ${run} has written.`);
}

async function countedRows(
  connection: SqlConnection,
  dialect: SqlDialect,
  found: TableDescription,
  runs: readonly WrittenRun[],
  signal: AbortSignal,
): Promise<CountedRows> {
  const name = dialect.tableName(found.table);
  const byRun = new Map<string, ReadonlyMap<string, number>>();
  for (const { runColumn } of runs) {
    const column = runColumn === null ? undefined : columnNamed(found.columns, runColumn);
    if (runColumn === null || column === undefined || byRun.has(runColumn)) continue;
    const quoted = dialect.quote(column.name);
    const sql = `SELECT ${quoted}, COUNT(*) FROM ${name} WHERE ${quoted} IS NOT NULL GROUP BY ${quoted}`;
    const counts = await connection.query(sql, [], signal);
    // A column of a fixed length is filled up with blanks.
    byRun.set(runColumn, new Map(counts.map(([run, number]) => [String(run).trimEnd(), Number(number)])));
  }
  return { all: await countRows(connection, name, signal), byRun };
}

/**
 * A sentence for each run that is not finished. It has a connection of its own, which ends at once: where only taking a lock tells whether it
 * is free, a run that begins now must not be kept waiting.
 */
async function unfinishedProblems(
  driver: SqlDriver,
  runs: readonly WrittenRun[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (runs.length === 0) return [];
  await using connection = await driver.connect(signal);
  const problems: string[] = [];
  for (const { output, run, rows, staged } of runs) {
    const under = await isLocked(connection, `the table ${output}`, signal);
    const soFar =
      staged === null
        ? `${counted(rows, 'row')} so far`
        : `${counted(staged, 'row')} so far, none of them in the table`;
    problems.push(
      under
        ? `The run ${run} into ${output} is being written right now: ${soFar}. Wait until it is finished.`
        : `The run ${run} into ${output} is not finished: ${soFar}. Run the same job again to complete it.`,
    );
  }
  return problems;
}

function add(report: Findings, { problems, checked, unchecked }: Findings): void {
  report.problems.push(...problems);
  report.checked.push(...checked);
  report.unchecked.push(...unchecked);
}
