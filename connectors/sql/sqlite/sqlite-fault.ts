import { messageOf } from '../../../src/sdk.ts';
import { SqlFault, type SqlFaultKind } from '../sql-fault.ts';

/** SQLite's primary result codes, by what is to be done about them. */
const KINDS: ReadonlyMap<number, SqlFaultKind> = new Map([
  // BUSY, LOCKED
  [5, 'conflict'],
  [6, 'conflict'],
  // READONLY, PERM, AUTH
  [8, 'access'],
  [3, 'access'],
  [23, 'access'],
  // FULL
  [13, 'full'],
  // CANTOPEN
  [14, 'missing'],
  // TOOBIG, CONSTRAINT, MISMATCH
  [18, 'row'],
  [19, 'row'],
  [20, 'row'],
]);

/** Tells an error of `node:sqlite` apart. */
export function sqliteFault(error: unknown, row?: number): SqlFault {
  if (error instanceof SqlFault) return error;
  const message = messageOf(error);
  const { errcode } = error as { readonly errcode?: number };
  if (message.startsWith('no such table')) return new SqlFault('missing', message, { cause: error, what: 'table' });
  if (/^no such column|has no column named/.test(message))
    return new SqlFault('missing', message, { cause: error, what: 'column' });
  const kind = KINDS.get((errcode ?? 0) & 0xff) ?? 'statement';
  const what = kind === 'missing' ? 'database' : undefined;
  // A job that reads and writes one file waits for itself in the older journal modes.
  const advice = kind === 'conflict' ? '; journal_mode=wal in the address lets one write while others read' : '';
  return new SqlFault(kind, `${message}${advice}`, { cause: error, what, row: kind === 'row' ? row : undefined });
}
