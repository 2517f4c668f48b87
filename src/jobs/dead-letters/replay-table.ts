import { type FinishedRun, withFinishedRuns } from '../../../connectors/sql/finished-runs.ts';
import { type SqlOutput, tableOf } from '../../../connectors/sql/sql-output.ts';
import type { SqlAccess } from '../../../connectors/sql/sql-settings.ts';
import type { NumberedLetter } from '../../../connectors/sql/table-letters.ts';
import { SluiceError } from '../../core/error.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { isLive } from '../kafka/open-topics.ts';
import { asSampled } from './as-it-ran.ts';
import { assertReplayable, differencesOf } from './assert-replayable.ts';
import { eachByItself } from './each-by-itself.ts';
import { GATHERED_BYTES, heldBytes } from './gathered-outcomes.ts';
import { ReplayCounts } from './replay-counts.ts';
import type { ReplayOptions } from './replay-options.ts';
import { inAll, type ReplayReport } from './replay-report.ts';
import { type ReplayedLetter, ReplayScoring } from './replay-scoring.ts';

export interface ReplayedTable {
  readonly access: SqlAccess;
  readonly output: SqlOutput;
}

const PAGE = 500;

/**
 * Scores the dead letters of the runs that this job has finished in a table, and puts the rows that can be scored now in the place of their
 * blank ones, each run in one transaction with its dead letters, ledger and manifest. Of a live topic each part is such a run, and the topic may be
 * scored at the same time. What fails again stays a dead letter, with the reason of now; where nothing can be scored all stays as it was.
 */
export async function replayTable(
  given: JobDescription,
  { access, output }: ReplayedTable,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<readonly ReplayReport[]> {
  const name = tableOf(output);
  const parts = isLive(given);
  const reports: ReplayReport[] = [];
  await withFinishedRuns(
    { access, output, parts, clock: options.clock },
    async (runs) => {
      // Several jobs may have written to one table; if none of them is this one, it is said what differs.
      const sampled = runs.map((run) => ({ run, job: asSampled(given, run.manifest) }));
      const own = sampled.filter(({ run, job }) => differencesOf(job, run.manifest, options).length === 0);
      if (own.length === 0)
        for (const { run, job } of sampled.slice(-1)) assertReplayable(job, run.manifest, name, options);
      const each = async ({ run, job }: (typeof own)[number]): Promise<void> => {
        assertReplayable(job, run.manifest, name, options);
        reports.push(await replayRun(job, run, name, options, signal));
      };
      await eachByItself(own, each);
    },
    signal,
  );
  return parts ? [inAll(name, reports)] : reports;
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
  const outcomes = numberedOutcomes(scoring, run, counts, signal);
  const pages: Page[] = [];
  let bytes = 0;
  let isAll = false;
  while (bytes < GATHERED_BYTES && !isAll) {
    const page = await nextPage(outcomes, Math.min(PAGE, job.chunkRows));
    isAll = page === null;
    if (page === null) continue;
    pages.push(page);
    bytes += page.reduce((sum, { outcome }) => sum + heldBytes(outcome), 0);
  }
  const { monitoring } = scoring;
  const finish = async (): Promise<Manifest> => {
    const found = manifest.tally.failed + manifest.tally.skipped;
    if (counts.letters !== found) throw miscounted(name, counts.letters, found);
    if (counts.scored === 0) return manifest;
    monitoring.commit();
    return await run.finish(counts.facts(options.clock, monitoring.statistics), signal);
  };
  if (isAll) {
    if (counts.scored === 0) return counts.report(name, await finish());
    // Nobody is asked again when the transaction is: it begins when all rows are scored.
    const work = async (): Promise<Manifest> => {
      // In a live topic a newer row of the same key goes before an older one.
      for (const page of isLive(job) ? pages.toReversed() : pages) await replace(run, scoring, page, signal);
      return await finish();
    };
    return counts.report(name, await run.insist(work, signal));
  }
  for (const page of pages) await replace(run, scoring, page, signal);
  for (let page = await nextPage(outcomes, PAGE); page !== null; page = await nextPage(outcomes, PAGE))
    await replace(run, scoring, page, signal);
  return counts.report(name, await finish());
}

/** Some outcomes, each with the number of its letter. */
type Page = readonly { readonly number: number; readonly outcome: ReplayedLetter }[];

/** Puts the rows of a page in the places of their blank ones. */
async function replace(run: FinishedRun, scoring: ReplayScoring, page: Page, signal: AbortSignal): Promise<void> {
  const tried = page.filter(({ outcome }) => outcome.scored !== null || outcome.blank !== null);
  if (tried.length === 0) return;
  const rows = tried.map(({ outcome }) => (outcome.scored ?? outcome.blank)!);
  let at = 0;
  const scored = { bytes: Buffer.concat(rows), ends: Uint32Array.from(rows, (row) => (at += row.length)) };
  const blank = scoring.blankRows(tried.map(({ outcome }) => outcome.was));
  const again = tried.flatMap(({ number, outcome: { scored, letter } }) =>
    scored === null ? [{ number, letter }] : [],
  );
  await run.replace(
    { blank, scored },
    tried.map(({ number }) => number),
    again,
    signal,
  );
}

/** The next outcomes, so many; null when there are none left. */
async function nextPage(outcomes: AsyncGenerator<Page[number], void>, rows: number): Promise<Page | null> {
  const page: Page[number][] = [];
  while (page.length < rows) {
    const next = await outcomes.next();
    if (next.done === true) break;
    page.push(next.value);
  }
  return page.length === 0 ? null : page;
}

async function* numberedOutcomes(
  scoring: ReplayScoring,
  run: FinishedRun,
  counts: ReplayCounts,
  signal: AbortSignal,
): AsyncGenerator<Page[number], void> {
  // Outcomes come in the order of the letters: their numbers wait for them here.
  const waiting: number[] = [];
  for await (const outcome of scoring.score(lettersOf(run.letters(signal), waiting), signal)) {
    counts.add(outcome);
    yield { number: waiting.shift()!, outcome };
  }
}

function miscounted(name: string, letters: number, said: number): SluiceError {
  return new SluiceError(
    'VERIFY_FAILED',
    `${name} has ${letters} dead letters of a run whose manifest says ${said}. Nothing was written.`,
  );
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
