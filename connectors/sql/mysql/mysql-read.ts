import type { FieldPacket } from 'mysql2';
import type { SqlRead } from '../driver.ts';
import { SqlFault } from '../sql-fault.ts';
import { isSingle, WIRE, wireField } from './mysql-columns.ts';
import { mysqlDialect } from './mysql-dialect.ts';
import { mysqlFault } from './mysql-fault.ts';
import { hasLabels } from './mysql-labels.ts';
import type { MysqlLink } from './mysql-link.ts';
import { type Cell, Records } from './mysql-records.ts';

const CHUNK = 256 * 1024;

/**
 * The rows of a query as canonical CSV, in chunks, as they come; the server waits while nobody takes them. A reader that leaves early ends
 * the connection.
 */
export async function* readRows(
  link: MysqlLink,
  read: SqlRead,
  tinyIsTruth: boolean,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const sql = selectOf(read);
  // As text a FLOAT has six digits. Where the query is not ours to change, the answer of a prepared statement has it whole.
  const prepared =
    isPlain(read) && (await link.fields(sql, signal)).some((field) => wireField(field).type === WIRE.float);
  const query = link.rows(sql, prepared);
  let records: Records | null = null;
  let failed: unknown = null;
  let ended = false;
  let wake = Promise.withResolvers<void>();
  query.on('fields', (packets: FieldPacket[]) => {
    const fields = packets.map(wireField);
    try {
      const places = placesOf(read, fields);
      const singles = places.map((place, i) => isSingle(read.columns[i]!) || fields[place]!.type === WIRE.float);
      records = new Records({ fields, places, singles, tinyIsTruth }, CHUNK + (CHUNK >> 2));
    } catch (error) {
      failed = error;
      wake.resolve();
    }
  });
  query.on('result', (row: unknown) => {
    if (records === null || !Array.isArray(row)) return;
    records.add(row as Cell[]);
    if (records.length < CHUNK) return;
    link.connection.pause();
    wake.resolve();
  });
  query.on('error', (error: Error) => {
    failed ??= mysqlFault(error);
    ended = true;
    wake.resolve();
  });
  query.on('end', () => {
    ended = true;
    wake.resolve();
  });
  try {
    for (;;) {
      await link.under(wake.promise, signal);
      if (failed !== null) throw failed;
      wake = Promise.withResolvers<void>();
      const full: Records | null = records;
      if (full !== null && (full as Records).length > 0) {
        const { bytes, length } = full as Records;
        yield bytes.subarray(0, length);
        (full as Records).length = 0;
      }
      if (ended) return;
      link.connection.resume();
    }
  } finally {
    // Whoever left has no use for the rest, which can be most of a table.
    if (!ended) link.destroy();
  }
}

/** A query without a condition and an order is run as it stands: its own ORDER BY holds only so. */
function selectOf(read: SqlRead): string {
  const { from, columns, where, orderBy } = read;
  const sql = mysqlDialect;
  if (isPlain(read)) return (from as { readonly query: string }).query;
  const list = columns
    .map((column) =>
      isSingle(column) ? `${sql.quote(column.name)} + 0e0 as ${sql.quote(column.name)}` : sql.quote(column.name),
    )
    .join(', ');
  // Labels whose places nobody here knows are compared by their letters, and have to come so.
  const byLetters = (name: string): boolean =>
    'query' in from && columns.some((column) => column.name === name && hasLabels(column));
  const keys = orderBy.map((name) => (byLetters(name) ? `concat(${sql.quote(name)})` : sql.quote(name)));
  const order = keys.length === 0 ? '' : ` order by ${keys.join(', ')}`;
  const source = 'query' in from ? `(${from.query}\n) q` : sql.tableName(from.table);
  return `select ${list} from ${source}${where === null ? '' : ` where ${where}`}${order}`;
}

function isPlain({ from, where, orderBy }: SqlRead): boolean {
  return 'query' in from && where === null && orderBy.length === 0;
}

/** Where the wanted columns stand in the result; those with the same name in their order. */
function placesOf({ columns }: SqlRead, fields: readonly { readonly name: string }[]): number[] {
  const taken = new Set<number>();
  return columns.map(({ name }) => {
    const found = fields.findIndex((field, place) => field.name === name && !taken.has(place));
    if (found < 0) throw new SqlFault('missing', `the result has no column ${name}`, { what: 'column' });
    taken.add(found);
    return found;
  });
}
