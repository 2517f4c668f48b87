import type { ChainMark } from '../chained-hash.ts';
import type { LedgerRow } from '../state-tables.ts';
import { holdsOf } from '../written-so-far.ts';

/** What a run of the ledger has written, in few words: a live topic may have had very many. */
export interface WrittenRun {
  /** What its output is called in the ledger. */
  readonly output: string;
  readonly run: string;
  readonly isFinished: boolean;
  /** What its rows do to the table. */
  readonly kind: 'insert' | 'update' | 'insert_update';
  /** Rows that it gave to the table. */
  readonly rows: number;
  /** Rows that wait in a stage; null where there is none. */
  readonly staged: number | null;
  readonly letters: number;
  readonly letterMark: ChainMark;
  readonly runColumn: string | null;
  /** Whether the table had no rows of anybody else when it began. */
  readonly whole: boolean;
}

/** What a row of the ledger says; of a finished run what its manifest says. */
export function writtenRun(output: string, { run, state, ledger, manifest }: LedgerRow): WrittenRun {
  const { rows, staged, letters, letterMark, runColumn, whole } = holdsOf(ledger);
  const isFinished = state === 'finished';
  const { statementType } = ledger.job;
  const named = manifest?.objects.find(({ role }) => role === 'deadLetters');
  const marked = named !== undefined && 'sha256Chain' in named;
  return {
    output,
    run,
    isFinished,
    kind: statementType === 'update' || statementType === 'insert_update' ? statementType : 'insert',
    rows: manifest?.objects.find(({ role }) => role === 'rows')?.records ?? rows,
    staged: isFinished ? null : staged,
    letters: manifest === null ? letters : (named?.records ?? 0),
    letterMark: marked ? { bytes: named.bytes, digest: named.sha256Chain } : letterMark,
    runColumn,
    whole,
  };
}
