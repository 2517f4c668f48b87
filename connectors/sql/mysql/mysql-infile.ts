import { COMMA, decodeField, fieldEnd, QUOTE } from '../../../src/sdk.ts';
import type { CanonicalRows } from '../driver.ts';
import { isMoment, isNumeric, type SqlColumn } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { isBinary, isBits } from './mysql-columns.ts';
import { mysqlMoment } from './mysql-moment.ts';

const NULL = Uint8Array.from(Buffer.from('NULL'));

/** How the fields of a column are changed for the server. */
interface Change {
  /** Whether a field may need it, by its bytes. */
  readonly concerns: (bytes: Uint8Array, start: number, end: number) => boolean;
  /** Null: it stays as it is. */
  readonly text: (text: string) => string | null;
}

/**
 * What canonical CSV becomes for LOAD DATA: with quotes and without an escape character a field that is the word NULL is null, and
 * one in quotes never is. Other than that its rules are those of canonical CSV.
 */
export const INFILE_FORM = `fields terminated by ',' optionally enclosed by '"' escaped by '' lines terminated by '\\n'`;

const PIECE = 128 * 1024;

/** The bytes for LOAD DATA in that form, piece by piece: the server works on one while the next is made. */
export function* infilePieces({ bytes, ends }: CanonicalRows, columns: readonly SqlColumn[]): Generator<Buffer> {
  let first = 0;
  let start = 0;
  for (let row = 0; row < ends.length; row += 1) {
    const end = ends[row]!;
    if (end - start < PIECE && row < ends.length - 1) continue;
    const piece = infileBytes(bytes.subarray(start, end), columns, first);
    // A packet holds 16 MB.
    for (let at = 0; at < piece.length; at += 8 * PIECE) yield piece.subarray(at, at + 8 * PIECE);
    first = row + 1;
    start = end;
  }
}

/** @param first index of the first of these rows among all that are loaded. */
function infileBytes(bytes: Uint8Array, columns: readonly SqlColumn[], first: number): Buffer {
  const changes = columns.map(changeOf);
  const keepsEmpty = columns.map((column) => keepsEmptyText(column, columns));
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
  let row = first;
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    at = fieldEnd(bytes, start);
    const quoted = bytes[start] === QUOTE;
    const change = changes[column]!;
    const empty = quoted && at - start === 2;
    const instead =
      at === start || (empty && !keepsEmpty[column])
        ? NULL
        : change !== null && change.concerns(bytes, start, at)
          ? ofRow(row, () => changed(change.text, bytes, start, at))
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
  return Buffer.from(to.buffer, 0, length);
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
  const given = change(decodeField(bytes, start, end) ?? '');
  return given === null ? null : Buffer.from(`"${given.replaceAll('"', '""')}"`);
}

/** A record of one field has no other way to say null. */
export function keepsEmptyText({ holdsEmptyText }: SqlColumn, all: readonly SqlColumn[]): boolean {
  return holdsEmptyText && all.length > 1;
}

/** What the server reads where it does not understand our words, and faults of kind `row` for what it would round or cut without a word. */
export function changeOf(column: SqlColumn): Change | null {
  const { type } = column;
  if (type === 'integer') return wholeOnly(column);
  if (type === 'boolean' || isNumeric(column)) return TRUTHS;
  if (isMoment(column)) return MOMENTS;
  if (type === 'date') return DAYS;
  if (!isBinary(column)) return null;
  // Without what stands before the digits, for UNHEX, which makes null of what it does not understand.
  return {
    concerns: () => true,
    text: (text) => {
      if (text === '') return null;
      if (!/^\\x(?:[0-9a-f]{2})*$/i.test(text))
        throw new SqlFault('row', `column ${column.name}: a value is no bytes (\\x and hexadecimal digits)`);
      return text.slice(2);
    },
  };
}

const TRUTHS: Change = {
  concerns: (bytes, start) => bytes[start]! >= 0x41 || bytes[start] === QUOTE,
  text: (text) => {
    const word = text.trim().toLowerCase();
    if (word === 'true' || word === 't') return '1';
    return word === 'false' || word === 'f' ? '0' : null;
  },
};

const MOMENTS: Change = {
  // As the server writes it, but for the T that it reads as well, it is 26 characters at the most and ends with a digit.
  concerns: (bytes, start, end) =>
    end - start < 19 || end - start > 26 || bytes[start + 4] !== 0x2d || hasZone(bytes, start + 19, end),
  text: mysqlMoment,
};

/** Numbers of models have a fraction of zero where their kind is whole. */
function wholeOnly({ name }: SqlColumn): Change {
  return {
    concerns: (bytes, start, end) => {
      for (let at = bytes[start] === MINUS ? start + 1 : start; at < end; at += 1)
        if (bytes[at]! < 0x30 || bytes[at]! > 0x39) return true;
      return false;
    },
    text: (text) => {
      if (FRACTION.test(text) && !Number.isInteger(Number(text)))
        throw new SqlFault('row', `column ${name}: ${text.trim()} is no whole number`);
      return TRUTHS.text(text);
    },
  };
}

const MINUS = 0x2d;
/** Numbers that may have one; what is no number the server refuses by itself. */
const FRACTION = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** Of a date with a time the day in UTC. */
const DAYS: Change = {
  concerns: (_bytes, start, end) => end - start !== 10,
  text: (text) => {
    const moment = mysqlMoment(text.trim());
    return /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}(?::\d{2}(?:\.\d*)?)?$/.test(moment) ? moment.slice(0, 10) : moment;
  },
};

function hasZone(bytes: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at += 1)
    if (bytes[at] !== 0x2e && (bytes[at]! < 0x30 || bytes[at]! > 0x39)) return true;
  return false;
}

/** How a column takes its field from the variable `@name`: null for those that take it as it is. */
export function assignment(column: SqlColumn, quoted: string, variable: string): string | null {
  if (isBinary(column)) return `${quoted} = unhex(${variable})`;
  if (isBits(column)) return `${quoted} = cast(${variable} as unsigned)`;
  return null;
}
