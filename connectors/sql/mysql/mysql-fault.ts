import { CONNECTION_CODES, messageOf } from '../../../src/sdk.ts';
import { SqlFault, type SqlFaultFacts, type SqlFaultKind } from '../sql-fault.ts';

/** What the library's errors have in common; none of it is sure to be there. */
interface MysqlErrorShape {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly sqlMessage?: unknown;
  readonly fatal?: unknown;
}

const numbers = (kind: SqlFaultKind, ...list: readonly number[]): readonly [number, SqlFaultKind][] =>
  list.map((number) => [number, kind]);

/** The errors of MySQL and MariaDB by what is to be done about them; all others are of kind `statement`. */
const kinds: ReadonlyMap<number, SqlFaultKind> = new Map([
  // Duplicate keys, nulls, missing values; too long, out of range, not of the type; foreign keys; checks; rows and keys that are too large.
  ...numbers('row', 1022, 1048, 1062, 1169, 1263, 1364, 1557, 1566, 1586, 1749, 1859),
  ...numbers('row', 1264, 1265, 1292, 1300, 1366, 1367, 1406, 1411, 1416, 1525, 1690, 1903, 3156, 3819, 4025, 4038),
  ...numbers('row', 1216, 1217, 1451, 1452, 1118, 1139, 1153, 1301, 1713, 3140, 3141, 3854, 1526, 1748, 1644),
  // Deadlock, lock wait, interrupted; and what a snapshot of MariaDB finds changed.
  ...numbers('conflict', 1020, 1205, 1213, 1317, 1412, 1614, 3058, 3572, 1969, 1637),
  // Too many connections, a server that stops, a connection that was killed or broke.
  ...numbers(
    'connection',
    1040,
    1041,
    1042,
    1043,
    1053,
    1077,
    1079,
    1080,
    1152,
    1154,
    1155,
    1156,
    1157,
    1158,
    1159,
    1160,
    1161,
  ),
  ...numbers('connection', 1184, 1203, 1226, 1129, 1135, 1927, 2006, 2013, 3032, 3169, 4031),
  ...numbers(
    'access',
    1044,
    1045,
    1095,
    1130,
    1131,
    1132,
    1133,
    1141,
    1142,
    1143,
    1147,
    1227,
    1251,
    1290,
    1370,
    1396,
    1410,
    1524,
  ),
  ...numbers('access', 1449, 1620, 1698, 1792, 1820, 1827, 1836, 1862, 3118, 3159, 3878, 3955, 4151),
  ...numbers('missing', 1049, 1051, 1054, 1091, 1109, 1146, 1176),
  ...numbers('full', 1021, 1114, 3675),
]);

const MISSING: ReadonlyMap<number, SqlFaultFacts['what']> = new Map([
  [1049, 'database'],
  [1051, 'table'],
  [1109, 'table'],
  [1146, 'table'],
  [1054, 'column'],
  [1091, 'column'],
]);

const LOST: ReadonlySet<string> = new Set([
  ...CONNECTION_CODES,
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'PROTOCOL_ENQUEUE_AFTER_QUIT',
  'PROTOCOL_UNEXPECTED_PACKET',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ERR_STREAM_DESTROYED',
  'HANDSHAKE_NO_SSL_SUPPORT',
]);

/** Tells an error of the library or the server apart. Those that are neither's come back as they are. */
export function mysqlFault(error: unknown, facts: SqlFaultFacts = {}): unknown {
  if (error instanceof SqlFault || !(error instanceof Error)) return error;
  const { errno, code, sqlMessage, fatal } = error as Error & MysqlErrorShape;
  const words = oneLine(typeof sqlMessage === 'string' && sqlMessage !== '' ? sqlMessage : messageOf(error));
  const more = { ...facts, cause: error };
  if (typeof errno === 'number' && kinds.has(errno)) {
    const kind = kinds.get(errno)!;
    if (kind === 'missing') return new SqlFault(kind, words, { ...more, what: MISSING.get(errno) });
    return new SqlFault(kind, words, kind === 'row' ? { ...more, row: facts.row ?? rowOf(words) } : more);
  }
  // Errors of the table's files say only which of the system's it was: no space left.
  if (/\berrno: 28\b|Errcode: 28\b/.test(words)) return new SqlFault('full', words, more);
  if (
    fatal === true ||
    (typeof code === 'string' && (LOST.has(code) || /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO)/.test(code)))
  )
    return new SqlFault('connection', words, more);
  if (typeof errno !== 'number' && typeof code !== 'string') return new SqlFault('connection', words, more);
  return new SqlFault('statement', words, more);
}

/** A warning that the server gives of a row that it did not take as it was. */
export function warningFault(number: number, message: string): SqlFault {
  const kind = kinds.get(number);
  return new SqlFault(kind === undefined || kind === 'statement' ? 'row' : kind, oneLine(message), {
    row: rowOf(message),
  });
}

/** The index of the row that a message speaks of; servers count them from 1. */
function rowOf(message: string): number | undefined {
  const found = /\bat row (\d+)\s*$/.exec(message);
  return found === null || found[1] === '0' ? undefined : Number(found[1]) - 1;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
