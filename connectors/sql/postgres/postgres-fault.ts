import { messageOf } from '../../../src/sdk.ts';
import { SqlFault, type SqlFaultKind } from '../sql-fault.ts';

/** What errors of the library have; none of it is sure to be there. */
interface PostgresErrorShape {
  readonly code?: unknown;
  readonly detail?: unknown;
  readonly where?: unknown;
  readonly severity?: unknown;
}

const KINDS: ReadonlyMap<string, SqlFaultKind> = new Map([
  ['57P01', 'connection'],
  ['57P02', 'connection'],
  ['57P03', 'connection'],
  ['57P05', 'connection'],
  // A transaction that waited for rows for longer than the server likes.
  ['25P03', 'connection'],
  ['25P04', 'connection'],
  ['53300', 'connection'],
  ['40003', 'connection'],
  ['40001', 'conflict'],
  ['40P01', 'conflict'],
  ['55P03', 'conflict'],
  // A time limit of the server's for statements.
  ['57014', 'conflict'],
  ['42501', 'access'],
  ['25006', 'access'],
  ['3D000', 'missing'],
  ['3F000', 'missing'],
  ['42P01', 'missing'],
  ['42703', 'missing'],
  ['53100', 'full'],
  // A row that is too big, or has too many columns.
  ['54000', 'row'],
  ['54011', 'row'],
  // What a trigger raises.
  ['P0001', 'row'],
]);
/** Classes of codes, their first two characters: connections, data, constraints, a view's condition, log-ins. */
const CLASSES: ReadonlyMap<string, SqlFaultKind> = new Map([
  ['08', 'connection'],
  ['22', 'row'],
  ['23', 'row'],
  ['44', 'row'],
  ['28', 'access'],
]);
const MISSING = { '3D000': 'database', '3F000': 'schema', '42P01': 'table', '42703': 'column' } as const;

/** Tells an error of the library, or of the network below it, apart. Errors that are told apart already stay as they are. */
export function postgresFault(error: unknown): SqlFault {
  if (error instanceof SqlFault) return error;
  const { code, detail } = shapeOf(error);
  const text = typeof code === 'string' ? code : '';
  const message = wordsOf(error);
  if (!/^[0-9A-Z]{5}$/.test(text)) {
    // Of the network, or by the library itself when the connection ends under a query.
    return new SqlFault('connection', message, { cause: error });
  }
  const kind = KINDS.get(text) ?? CLASSES.get(text.slice(0, 2)) ?? 'statement';
  const more = kind === 'row' && typeof detail === 'string' ? `${message}: ${detail}` : message;
  return new SqlFault(kind, oneLine(more), { cause: error, what: MISSING[text as keyof typeof MISSING] });
}

/** The line of the rows under way that an error is about, from 1; undefined when it says none. */
export function copiedLine(error: unknown): number | undefined {
  const { where } = shapeOf(error);
  const found = typeof where === 'string' ? /^COPY .*?, line (\d+)/ms.exec(where) : null;
  return found === null ? undefined : Number(found[1]);
}

/** Whether an error says that there is no snapshot of that name; before PostgreSQL 17 its name is called invalid. */
export function isSnapshotGone(error: unknown): boolean {
  const { code } = shapeOf(error instanceof SqlFault ? error.cause : error);
  return code === '42704' || code === '22023';
}

function shapeOf(error: unknown): PostgresErrorShape {
  return typeof error === 'object' && error !== null ? error : {};
}

/** An error of several attempts (a host name with two addresses) has no words of its own. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError) return [...new Set(error.errors.map(messageOf))].join('; ');
  return messageOf(error);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
