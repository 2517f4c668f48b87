import { FolderExchange, type FolderExchangeOptions } from '../../codecs/partitions/folder-exchange.ts';
import { decodeKeptRecord } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { REJECTED_BYTES } from '../../core/row-batch.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { asSampled } from './as-it-ran.ts';
import { assertReplayable } from './assert-replayable.ts';
import { GATHERED_BYTES, heldBytes } from './gathered-outcomes.ts';
import { ReplayCounts } from './replay-counts.ts';
import type { ReplayOptions } from './replay-options.ts';
import type { ReplayReport } from './replay-report.ts';
import { type ReplayedLetter, ReplayScoring } from './replay-scoring.ts';

/**
 * Scores the dead letters of a finished folder that is divided by columns, and puts the rows that can be scored now in the places of their blank
 * ones, each in the folder of its partition; a row whose partition is another one now goes to a file of its own there. All or nothing, by the
 * `FolderExchange`; a replay in which no row could be scored leaves all as it was.
 */
export async function replayFolder(
  given: JobDescription,
  folder: FolderExchangeOptions,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const name = folder.store.name(folder.prefix);
  await using exchange = await FolderExchange.open(folder, signal);
  const { manifest } = exchange;
  const job = asSampled(given, manifest);
  assertReplayable(job, manifest, name, options);
  const counts = new ReplayCounts(manifest);
  const { failed, skipped } = manifest.tally;
  if (failed === 0) return counts.report(name, manifest);
  await using scoring = await ReplayScoring.open(job, manifest, { ...options, isPlaced }, signal);
  let gathered: ReplayedLetter[] = [];
  let bytes = 0;
  const put = async (): Promise<void> => {
    const isBetter = gathered.some(({ scored }) => scored !== null);
    if (isBetter) await exchange.exchange(exchangedRows(scoring, gathered), signal);
    // A row and its letter go together: what stays as it was keeps its reason, which a column of the row may have.
    for (const { was, letter, scored } of gathered)
      if (scored === null) await exchange.keep(isBetter ? letter : was, signal);
    [gathered, bytes] = [[], 0];
  };
  for await (const outcome of scoring.score(exchange.letters(signal), signal)) {
    counts.add(outcome);
    gathered.push(outcome);
    bytes += heldBytes(outcome);
    // Mostly these are all of them, so that no file is put twice.
    if (bytes >= GATHERED_BYTES) await put();
  }
  await put();
  if (counts.letters !== failed + skipped)
    throw new SluiceError(
      'VERIFY_FAILED',
      `${name} has ${counts.letters} dead letters, where its manifest says ${failed + skipped}; it was changed. It stays as it is.`,
    );
  if (counts.scored === 0) return counts.report(name, manifest);
  const { monitoring } = scoring;
  monitoring.commit();
  const facts = counts.facts(options.clock, monitoring.statistics);
  return counts.report(name, await exchange.finish(facts, signal));
}

/** The row that stands in the folder is known by the letter: all of it must have been kept. */
function isPlaced({ output, bytes }: KeptLetter): boolean {
  return output !== null && bytes.length < REJECTED_BYTES && decodeKeptRecord(bytes) !== null;
}

/** The rows of the output that outcomes change, as they were written and as they are now. */
function exchangedRows(scoring: ReplayScoring, outcomes: readonly ReplayedLetter[]) {
  const changed = outcomes.flatMap(({ was, scored, blank }) => {
    const now = scored ?? blank;
    return now === null ? [] : [{ was, now }];
  });
  const { bytes, ends } = scoring.blankRows(changed.map(({ was }) => was));
  return changed.map(({ now }, i) => ({ before: bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]), now }));
}
