import { decodeField, fieldEnd } from '../../../src/sdk.ts';
import type { CanonicalRows, LoadTarget } from '../driver.ts';
import type { SqlColumn } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { isBinary, isBits } from './mysql-columns.ts';
import { mysqlDialect } from './mysql-dialect.ts';
import { changeOf, keepsEmptyText, ofRow } from './mysql-infile.ts';

/** What one statement may be, at the most: larger ones are no faster. */
const STATEMENT = 1024 * 1024;

/** Inserts of many rows each, none larger than a packet of the server; `first` is the index of a statement's first row. */
export function* insertStatements(
  { table, columns }: LoadTarget,
  { bytes, ends }: CanonicalRows,
  packetBytes: number,
): Generator<{ readonly sql: string; readonly first: number }> {
  const names = columns.map(({ name }) => mysqlDialect.quote(name)).join(',');
  const head = `insert into ${mysqlDialect.tableName(table)} (${names}) values `;
  // The packet holds bytes, and a character of our text is three of them at the most.
  const most = Math.min(STATEMENT, Math.floor(packetBytes / 3) - head.length - 1024);
  const values = columns.map((column) => valueOf(column, keepsEmptyText(column, columns)));
  let tuples: string[] = [];
  let length = 0;
  let first = 0;
  for (let row = 0; row < ends.length; row += 1) {
    const tuple = ofRow(row, () => tupleOf(bytes, row === 0 ? 0 : ends[row - 1]!, values));
    if (length + tuple.length > most && tuples.length > 0) {
      yield { sql: head + tuples.join(','), first };
      [tuples, length, first] = [[], 0, row];
    }
    if (tuple.length > packetBytes)
      throw new SqlFault('row', `the row is larger than max_allowed_packet of the server (${packetBytes} bytes)`, {
        row,
      });
    tuples.push(tuple);
    length += tuple.length + 1;
  }
  if (tuples.length > 0) yield { sql: head + tuples.join(','), first };
}

type Literal = (text: string) => string;

function valueOf(column: SqlColumn, keepsEmpty: boolean): Literal {
  const change = changeOf(column);
  const bits = isBits(column);
  const binary = isBinary(column);
  return (text) => {
    if (text === '' && !keepsEmpty) return 'NULL';
    const given = change?.text(text) ?? text;
    if (binary) return `x'${given}'`;
    if (bits) return `cast('${escaped(given)}' as unsigned)`;
    return `'${escaped(given)}'`;
  };
}

/** The session has no NO_BACKSLASH_ESCAPES. */
function escaped(text: string): string {
  return text.replaceAll(/['\\\0]/g, (one) => (one === '\0' ? '\\0' : `\\${one}`));
}

function tupleOf(bytes: Uint8Array, start: number, values: readonly Literal[]): string {
  const parts: string[] = [];
  let at = start;
  for (const value of values) {
    const end = fieldEnd(bytes, at);
    const text = decodeField(bytes, at, end);
    parts.push(text === null ? 'NULL' : value(text));
    at = end + 1;
  }
  return `(${parts.join(',')})`;
}
