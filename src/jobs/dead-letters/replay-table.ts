import { type FinishedRun, withFinishedRuns } from '../../../connectors/sql/finished-runs.ts';
import { type SqlOutput, tableOf } from '../../../connectors/sql/sql-output.ts';
import type { SqlAccess } from '../../../connectors/sql/sql-settings.ts';
import type { NumberedLetter } from '../../../connectors/sql/table-letters.ts';
import { SluiceError } from '../../core/error.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { asSampled } from './as-it-ran.ts';
import { assertReplayable, differencesOf } from './assert-replayable.ts';
import { ReplayCounts } from './replay-counts.ts';
import type { ReplayOptions } from './replay-options.ts';
import type { ReplayReport } from './replay-report.ts';
import { type ReplayedLetter, ReplayScoring } from './replay-scoring.ts';

export interface ReplayedTable {
  readonly access: SqlAccess;
  readonly output: SqlOutput;
}

const PAGE = 500;

/**
 * Scores the dead letters of the runs that this job has finished in a table, and puts the rows that can be scored now in the place of their
 * blank ones, each run in one transaction with its dead letters, ledger and manifest. What fails again stays a dead letter, with the reason of now;
 * where nothing can be scored all stays as it was.
 */
export async function replayTable(
  given: JobDescription,
  { access, output }: ReplayedTable,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<readonly ReplayReport[]> {
  const name = tableOf(output);
  const reports: ReplayReport[] = [];
  await withFinishedRuns(
    { access, output, clock: options.clock },
    async (runs) => {
      // Several jobs may have written to one table; if none of them is this one, it is said what differs.
      const sampled = runs.map((run) => ({ run, job: asSampled(given, run.manifest) }));
      const own = sampled.filter(({ run, job }) => differencesOf(job, run.manifest, options).length === 0);
      for (const { run, job } of own.length === 0 ? sampled.slice(-1) : own)
        assertReplayable(job, run.manifest, name, options);
      for (const { run, job } of own) reports.push(await replayRun(job, run, name, options, signal));
    },
    signal,
  );
  return reports;
}

async function replayRun(
  job: JobDescription,
  run: FinishedRun,
  name: string,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const { manifest } = run;
  const counts = new ReplayCounts(manifest);
  if (manifest.tally.failed === 0) return counts.report(name, manifest);
  await using scoring = await ReplayScoring.open(job, manifest, { ...options, isPlaced }, signal);
  let page: { readonly number: number; readonly outcome: ReplayedLetter }[] = [];
  const replace = async (): Promise<void> => {
    if (page.length === 0) return;
    const rows = page.map(({ outcome }) => (outcome.scored ?? outcome.blank)!);
    let at = 0;
    const scored = { bytes: Buffer.concat(rows), ends: Uint32Array.from(rows, (row) => (at += row.length)) };
    const blank = scoring.blankRows(page.map(({ outcome }) => outcome.was));
    const again = page.flatMap(({ number, outcome: { scored, letter } }) =>
      scored === null ? [{ number, letter }] : [],
    );
    const numbers = page.map(({ number }) => number);
    await run.replace({ blank, scored }, numbers, again, signal);
    page = [];
  };
  // Outcomes come in the order of the letters: their numbers wait for them here.
  const waiting: number[] = [];
  for await (const outcome of scoring.score(lettersOf(run.letters(signal), waiting), signal)) {
    const number = waiting.shift()!;
    counts.add(outcome);
    if (outcome.scored === null && outcome.blank === null) continue;
    page.push({ number, outcome });
    if (page.length === Math.min(PAGE, job.chunkRows)) await replace();
  }
  await replace();
  if (counts.letters !== manifest.tally.failed + manifest.tally.skipped) {
    throw new SluiceError(
      'VERIFY_FAILED',
      `${name} has ${counts.letters} dead letters of a run whose manifest says ${manifest.tally.failed + manifest.tally.skipped}. Nothing was written.`,
    );
  }
  if (counts.scored === 0) return counts.report(name, manifest);
  const { monitoring } = scoring;
  monitoring.commit();
  return counts.report(name, await run.finish(counts.facts(options.clock, monitoring.statistics), signal));
}

/** Rows that the table refused are no rows of the intake: their letters hold what was to be written. */
function isPlaced({ row }: KeptLetter): boolean {
  return row !== null;
}

async function* lettersOf(letters: AsyncIterable<NumberedLetter>, numbers: number[]): AsyncGenerator<KeptLetter, void> {
  for await (const { number, letter } of letters) {
    numbers.push(number);
    yield letter;
  }
}
