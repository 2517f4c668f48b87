import { type DeadLetter, deadLetterLine, type Json, type Ledger, SluiceError } from '../../src/sdk.ts';
import { ChainedHash } from './chained-hash.ts';
import type { LoadedChunk } from './held-chunks.ts';
import type { SqlHolds } from './sql-holds.ts';
import type { SqlFailureLimits } from './sql-output.ts';

const EMPTY_MARK = new ChainedHash().mark;

/** What a run that has written nothing holds. */
export function freshHolds(
  run: Pick<SqlHolds, 'runColumn' | 'whole' | 'replaces'> & { readonly staged: boolean },
): SqlHolds {
  const { staged, ...facts } = run;
  return {
    ...facts,
    rows: 0,
    staged: staged ? 0 : null,
    refused: 0,
    letters: 0,
    mark: EMPTY_MARK,
    letterMark: EMPTY_MARK,
  };
}

export function holdsOf({ holds }: Ledger): SqlHolds {
  return holds as unknown as SqlHolds;
}

export function withHolds(ledger: Ledger, holds: SqlHolds): Ledger {
  return { ...ledger, holds: holds as unknown as Json };
}

/** The dead letters of a chunk, as lines: those of its batches, and those of its refused rows. */
export function chunkLetters({ chunk, refused }: LoadedChunk, table: string, tail: number): readonly string[] {
  const own = refused.map(({ row, reason, bytes }) => {
    const origin = chunk.originOf(row);
    return refusedLetter(
      origin.split,
      `row ${origin.row + 1} of the output: ${table} refused it: ${reason}`,
      bytes,
      tail,
    );
  });
  return [...chunk.letters, ...own];
}

const LETTER_BYTES = 65_536;

/** The dead letter of a row that was scored and could not be written. @param tail bytes at its end that are ours. */
export function refusedLetter(split: string, reason: string, row: Uint8Array, tail: number): string {
  const bytes = row.subarray(0, Math.min(row.length - 1 - tail, LETTER_BYTES));
  const letter: DeadLetter = { kind: 'failed', split, row: null, line: null, reason, attempts: 1, bytes };
  return deadLetterLine(letter, 0).trimEnd();
}

/** What a run holds once these chunks are in, and these letters. */
export function holdsAfter(
  before: SqlHolds,
  chunks: readonly LoadedChunk[],
  letters: readonly string[],
  mark: SqlHolds['mark'],
): SqlHolds {
  const rows = chunks.reduce((sum, { chunk, refused }) => sum + chunk.count - refused.length, 0);
  const refused = chunks.reduce((sum, loaded) => sum + loaded.refused.length, 0);
  return {
    ...before,
    rows: before.staged === null ? before.rows + rows : before.rows,
    staged: before.staged === null ? null : before.staged + rows,
    refused: before.refused + refused,
    mark,
    ...lettersAfter(before, letters),
  };
}

/** What a run holds once its stage is in the table, but for the rows of these letters. */
export function holdsMerged(before: SqlHolds, letters: readonly string[]): SqlHolds {
  const rows = (before.staged ?? 0) - letters.length;
  return { ...before, rows, refused: before.refused + letters.length, ...lettersAfter(before, letters) };
}

/** Dead letters that were added, and the checksum of all. */
function lettersAfter(before: SqlHolds, letters: readonly string[]): Pick<SqlHolds, 'letters' | 'letterMark'> {
  const hash = new ChainedHash(before.letterMark);
  for (const line of letters) hash.update(Buffer.from(`${line}\n`));
  return { letters: before.letters + letters.length, letterMark: hash.mark };
}

/** Throws TOO_MANY_FAILURES when the rows that a table refuses make too many bad ones of a job. */
export function assertFewRefused(
  refused: number,
  { tally }: Ledger,
  { abortOnError, maxShare, minRows }: SqlFailureLimits,
  { table, last }: { readonly table: string; readonly last: string },
): void {
  const bad = tally.failed + tally.skipped + refused;
  if (!abortOnError || tally.read < minRows || bad <= maxShare * tally.read) return;
  throw new SluiceError(
    'TOO_MANY_FAILURES',
    `${table} refused ${refused} rows; with those that could not be scored ${bad} of ${tally.read} are bad, more than deadLetters.maxShare ` +
      `(${maxShare * 100} %). Correct the table or the rows, raise the limit, or set abortOnError: false. The last: ${last}`,
  );
}
