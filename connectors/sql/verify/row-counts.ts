import { counted, type Findings, noFindings } from './findings.ts';
import type { WrittenRun } from './written-run.ts';

/** How many rows a table has. */
export interface CountedRows {
  readonly all: number;
  /** Of each run, by the run columns that the table has: their rows by the run that stands in them. */
  readonly byRun: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/**
 * Compares the rows of a table to what its runs have written. A run's rows are counted by its run column where it has one; all other rows
 * can only be counted together, and be too many only if they were never anybody else's. An update leaves no count.
 * @param table its name, for people.
 */
export function rowFindings(table: string, runs: readonly WrittenRun[], found: CountedRows): Findings {
  const findings = noFindings();
  const { problems, checked, unchecked } = findings;
  const updates = runs.filter(({ kind }) => kind !== 'insert');
  // An update gives the rows that it sets to its own run.
  const taken = new Set(updates.map(({ runColumn }) => runColumn));
  let [least, most, marked, unmarked] = [0, 0, 0, 0];
  for (const { run, kind, rows, runColumn } of runs) {
    if (kind !== 'insert') {
      if (kind === 'insert_update') most += rows;
      continue;
    }
    const counts = runColumn === null || taken.has(runColumn) ? undefined : found.byRun.get(runColumn);
    const here = counts === undefined ? rows : (counts.get(run) ?? 0);
    if (counts === undefined) unmarked += 1;
    else marked += here;
    if (here !== rows) {
      problems.push(
        `${table} has ${counted(here, 'row')} of the run ${run} by its column "${runColumn}", and it has written ${rows}: ${difference(here, rows)}.`,
      );
    }
    least += here;
    most += here;
  }
  if (marked > 0) checked.push(`${counted(marked, 'row')} counted by the run that wrote them`);
  if (updates.length > 0)
    unchecked.push(
      `how many rows ${counted(updates.length, 'run')} of updates set: an update leaves no count in a table`,
    );
  if (unmarked === 0 && updates.every(({ kind }) => kind === 'update')) return findings;
  const added = updates.some(({ kind, rows }) => kind === 'insert_update' && rows > 0);
  if (added && least === 0) least = 1;
  const wasEmpty = runs.some(({ kind, whole }) => kind !== 'update' && whole);
  const wrote =
    runs.length === 1 ? 'the run of its ledger has written' : `the ${runs.length} runs of its ledger have written`;
  checked.push(`${counted(found.all, 'row')} counted in all`);
  if (found.all < least)
    problems.push(
      `${table} has ${counted(found.all, 'row')}, and ${wrote} ${least}${added ? ' or more' : ''}: ${difference(found.all, least)}.`,
    );
  else if (!wasEmpty) unchecked.push('whether there are rows too many: the table had rows of others before');
  else if (found.all > most)
    problems.push(
      `${table} has ${counted(found.all, 'row')}, and ${wrote} ${most}${added ? ' at the most' : ''} into what was an empty table: ${difference(found.all, most)}.`,
    );
  return findings;
}

function difference(found: number, wanted: number): string {
  const number = Math.abs(found - wanted);
  const are = `${number} ${number === 1 ? 'is' : 'are'}`;
  return found < wanted ? `${are} missing` : `${are} too many`;
}
