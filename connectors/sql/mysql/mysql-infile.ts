import type { CanonicalRows } from '../driver.ts';
import type { SqlColumn } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { isBinary, isBits } from './mysql-columns.ts';
import { mysqlMoment } from './mysql-moment.ts';

const COMMA = 0x2c;
const QUOTE = 0x22;
const LF = 0x0a;
const NULL = Uint8Array.from(Buffer.from('NULL'));

/** How the fields of a column are changed for the server; null: not at all. */
type Change = ((text: string) => string | null) | null;

/**
 * What canonical CSV becomes for LOAD DATA: with quotes and without an escape character a field that is the word NULL is null, and
 * one in quotes never is. Other than that its rules are those of canonical CSV.
 */
export const INFILE_FORM = `fields terminated by ',' optionally enclosed by '"' escaped by '' lines terminated by '\\n'`;

/** The bytes for LOAD DATA in that form. */
export function infileBytes({ bytes }: CanonicalRows, columns: readonly SqlColumn[]): Uint8Array {
  const changes = columns.map(changeOf);
  const keepsEmpty = columns.map(({ holdsEmptyText }) => holdsEmptyText);
  let to = new Uint8Array(bytes.length + (bytes.length >> 1) + 1024);
  let length = 0;
  const put = (part: Uint8Array): void => {
    if (length + part.length + 2 > to.length) {
      const larger = new Uint8Array((to.length + part.length) * 2);
      larger.set(to.subarray(0, length));
      to = larger;
    }
    to.set(part, length);
    length += part.length;
  };
  // What needs no change is copied in long runs.
  let kept = 0;
  let column = 0;
  let row = 0;
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const quoted = bytes[at] === QUOTE;
    if (quoted) {
      for (at += 1; bytes[at] !== QUOTE || bytes[at + 1] === QUOTE; at += 1) if (bytes[at] === QUOTE) at += 1;
      at += 1;
    } else {
      for (let byte = bytes[at]; byte !== COMMA && byte !== LF && byte !== undefined; byte = bytes[at]) at += 1;
    }
    const change = changes[column]!;
    const empty = quoted && at - start === 2;
    const instead =
      at === start || (empty && !keepsEmpty[column])
        ? NULL
        : change !== null
          ? ofRow(row, () => changed(change, bytes, start, at))
          : !quoted && isNullWord(bytes, start, at)
            ? Buffer.concat([QUOTES, bytes.subarray(start, at), QUOTES])
            : null;
    if (instead !== null) {
      put(bytes.subarray(kept, start));
      put(instead);
      kept = at;
    }
    column = bytes[at] === COMMA ? column + 1 : 0;
    if (column === 0) row += 1;
    at += 1;
  }
  put(bytes.subarray(kept));
  return to.subarray(0, length);
}

/** What the work gives; a fault of it says which row it was. */
export function ofRow<T>(row: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof SqlFault ? new SqlFault(error.kind, error.message, { row }) : error;
  }
}

const QUOTES = Uint8Array.of(QUOTE);

function isNullWord(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    end - start === 4 &&
    Buffer.from(bytes.buffer, bytes.byteOffset + start, 4)
      .toString('latin1')
      .toUpperCase() === 'NULL'
  );
}

function changed(
  change: (text: string) => string | null,
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array | null {
  const text = fieldText(bytes, start, end);
  const given = change(text);
  return given === null ? null : Buffer.from(`"${given.replaceAll('"', '""')}"`);
}

/** The text of a field that is not null. */
export function fieldText(bytes: Uint8Array, start: number, end: number): string {
  const quoted = bytes[start] === QUOTE;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString(
    'utf8',
    quoted ? start + 1 : start,
    quoted ? end - 1 : end,
  );
  return quoted ? text.replaceAll('""', '"') : text;
}

/** What the server reads where it does not understand our words. */
export function changeOf(column: SqlColumn): Change {
  const { type } = column;
  if (type === 'boolean' || type === 'integer' || type === 'number')
    return (text) => {
      const word = text.trim().toLowerCase();
      if (word === 'true' || word === 't') return '1';
      if (word === 'false' || word === 'f') return '0';
      return null;
    };
  if (type === 'timestamp' || type === 'date')
    return (text) => (type === 'date' ? mysqlMoment(text).slice(0, 10) : mysqlMoment(text));
  // Without what stands before the digits, for UNHEX, which makes null of what it does not understand.
  if (isBinary(column))
    return (text) => {
      if (text === '') return null;
      if (!/^\\x(?:[0-9a-f]{2})*$/i.test(text))
        throw new SqlFault('row', `column ${column.name}: a value is no bytes (\\x and hexadecimal digits)`);
      return text.slice(2);
    };
  return null;
}

/** How a column takes its field from the variable `@name`: null for those that take it as it is. */
export function assignment(column: SqlColumn, quoted: string, variable: string): string | null {
  if (isBinary(column)) return `${quoted} = unhex(${variable})`;
  if (isBits(column)) return `${quoted} = cast(${variable} as unsigned)`;
  return null;
}
