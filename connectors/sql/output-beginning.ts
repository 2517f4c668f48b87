import {
  assertSameJob,
  type Clock,
  freshLedger,
  type JobIdentity,
  type Ledger,
  SluiceError,
  sameJson,
} from '../../src/sdk.ts';
import type { SqlConnection } from './driver.ts';
import { countRows, isEmpty, removeRuns } from './former-runs.ts';
import type { OutputPlace } from './output-place.ts';
import type { OutputSession } from './output-session.ts';
import { assertTable } from './output-table.ts';
import { tableOf } from './sql-output.ts';
import type { LedgerRow } from './state-tables.ts';
import type { TakenOutput } from './taken-output.ts';
import { freshHolds, holdsOf, withHolds } from './written-so-far.ts';

/** What a run begins with. */
export interface OutputBeginning {
  readonly run: string;
  /** Finished runs whose rows go when the first ones of this run come. */
  readonly replaced: readonly LedgerRow[];
  /** Whether rows go to a stage until the end. */
  readonly staged: boolean;
  /** Whether the ledger has the run already, which has written nothing yet: it was killed when it had said that it makes the table. */
  readonly announced: boolean;
  /** Whether the table is there and is known to have been made by the run that is continued. */
  readonly madeTable: boolean;
  /** Of the interrupted run that is continued. */
  readonly durable: Ledger | null;
  readonly accepted: Ledger;
  /** Rows that were accepted, of all runs of the job. */
  readonly rows: number;
}

/** Decides, with the lock, what this run begins with. */
export async function beginOutput(
  taken: TakenOutput,
  job: JobIdentity,
  session: OutputSession,
  clock: Clock,
  connection: SqlConnection,
  signal: AbortSignal,
): Promise<OutputBeginning> {
  const { output, state, place, dialect } = taken;
  const { overwrite, runColumn, atOnce } = output;
  const rows = await state.rows(connection, signal);
  const finished = rows.filter((row) => row.state === 'finished');
  const open = rows.find((row) => row.state === 'open');
  const announced = open !== undefined && open.ledger.sequence === 0 ? open : undefined;
  let interrupted = announced === undefined ? open : undefined;
  const madeTable = output.create === 'must' && place.found !== null && open !== undefined && finished.length === 0;
  if (interrupted !== undefined && overwrite) {
    const runs = [interrupted];
    await session.begin(connection, signal);
    await removeRuns(connection, { ...taken, runs, table: place.found }, signal);
    await session.commit(connection, signal);
    interrupted = undefined;
  }
  const stage = await connection.describeTable(place.stage, signal);
  if (interrupted === undefined) {
    if (stage !== null) await connection.execute(`DROP TABLE ${dialect.tableName(place.stage)}`, [], signal);
    const same = finished.find(({ ledger }) => sameJson(ledger.job, job));
    if (same !== undefined && !overwrite) throw alreadyThere(place, same);
    assertTable(place, output, rows);
    const whole =
      place.found === null ||
      (finished.length > 0 && finished.every(({ ledger }) => holdsOf(ledger).whole)) ||
      (await isEmpty(connection, dialect.tableName(place.table), signal));
    const replaces = overwrite ? finished.map(({ run }) => run) : [];
    const fresh = freshLedger(job);
    const holds = freshHolds({ runColumn, whole, replaces, staged: atOnce });
    return {
      run: announced?.run ?? newRun(clock),
      replaced: overwrite ? finished : [],
      staged: atOnce,
      announced: announced !== undefined,
      madeTable,
      durable: null,
      accepted: withHolds(fresh, holds),
      rows: 0,
    };
  }
  const { run, ledger } = interrupted;
  assertSameJob(ledger.job, job, tableOf(output));
  const holds = holdsOf(ledger);
  const staged = stage === null ? 0 : await countRows(connection, dialect.tableName(place.stage), signal);
  if (holds.staged !== null && holds.staged !== staged) {
    throw new SluiceError(
      'LEDGER_BROKEN',
      `the stage of ${tableOf(output)} has ${staged} rows, where its ledger says ${holds.staged}; something else changed it. Start anew with --overwrite.`,
    );
  }
  return {
    run,
    replaced: finished.filter((row) => holds.replaces.includes(row.run)),
    staged: holds.staged !== null,
    announced: false,
    madeTable,
    durable: ledger,
    accepted: ledger,
    rows: holds.rows + (holds.staged ?? 0) + holds.refused,
  };
}

function newRun(clock: Clock): string {
  return `${clock.wall().toString(36)}-${Math.floor(clock.random() * 36 ** 8).toString(36)}`;
}

function alreadyThere({ key }: OutputPlace, { ledger, manifest }: LedgerRow): SluiceError {
  const when = manifest === null ? '' : ` at ${manifest.finished}`;
  return new SluiceError(
    'OUTPUT_EXISTS',
    `this job has written ${holdsOf(ledger).rows} rows to the table ${key}${when}; running it again would add them a second time. ` +
      'With --overwrite the rows of before are replaced.',
  );
}
