import type { FieldPacket } from 'mysql2';
import { exactDecimal, type SqlColumn } from '../sql-column.ts';

/** The types of the wire protocol. */
export const WIRE = {
  decimal: 0x00,
  tiny: 0x01,
  short: 0x02,
  long: 0x03,
  float: 0x04,
  double: 0x05,
  null: 0x06,
  timestamp: 0x07,
  longlong: 0x08,
  int24: 0x09,
  date: 0x0a,
  time: 0x0b,
  datetime: 0x0c,
  year: 0x0d,
  newdate: 0x0e,
  bit: 0x10,
  json: 0xf5,
  newdecimal: 0xf6,
  enum: 0xf7,
  set: 0xf8,
  geometry: 0xff,
} as const;

/** The number that the protocol has for "no character set". */
const BINARY = 63;
const FLAGS = { unsigned: 32, zerofill: 64, enum: 256, set: 2048 } as const;

/** One column of a result, as the server describes it. */
export interface WireField {
  readonly name: string;
  readonly type: number;
  readonly binary: boolean;
  /** As it is declared, in characters or bits. */
  readonly length: number;
  readonly decimals: number;
  readonly zerofill: boolean;
  readonly unsigned: boolean;
}

export function wireField(packet: FieldPacket): WireField {
  const { name, columnType, characterSet, columnLength, decimals } = packet as FieldPacket & {
    readonly columnType: number;
    readonly characterSet: number;
    readonly columnLength: number;
  };
  const flags = Number(packet.flags);
  // Enumerations come as strings that say what they are.
  const type = (flags & FLAGS.enum) !== 0 ? WIRE.enum : (flags & FLAGS.set) !== 0 ? WIRE.set : columnType;
  return {
    name,
    type,
    binary: characterSet === BINARY,
    length: columnLength,
    decimals,
    zerofill: (flags & FLAGS.zerofill) !== 0,
    unsigned: (flags & FLAGS.unsigned) !== 0,
  };
}

/** Whether a column of a result is a truth value: one bit, or what `boolean` stands for. */
export function isTruth({ type, length, zerofill, unsigned }: WireField, tinyIsTruth: boolean): boolean {
  return (
    (type === WIRE.bit && length === 1) || (tinyIsTruth && type === WIRE.tiny && length === 1 && !zerofill && !unsigned)
  );
}

/** A column of a query's result. */
export function columnOfField(field: WireField, tinyIsTruth: boolean): SqlColumn {
  const words = isTruth(field, tinyIsTruth) ? 'tinyint(1)' : wordsOf(field);
  return sqlColumn(field.name, words, tinyIsTruth);
}

/** A column by the words that `information_schema` has for its type. */
export function sqlColumn(name: string, declared: string, tinyIsTruth: boolean, writable = true): SqlColumn {
  const type = typeOf(declared, tinyIsTruth);
  return { name, type, ...exactOf(declared, type), declared, writable, holdsEmptyText: holdsEmptyText(declared) };
}

function typeOf(declared: string, tinyIsTruth: boolean): SqlColumn['type'] {
  const word = firstWord(declared);
  if (declared === 'tinyint(1)') return tinyIsTruth ? 'boolean' : 'integer';
  if (/^bit(\(1\))?$/.test(declared)) return 'boolean';
  if (/^(tinyint|smallint|mediumint|int|integer|bigint|year|bit)$/.test(word)) return 'integer';
  if (/^(decimal|numeric)$/.test(word)) return 'decimal';
  if (/^(float|double|real)$/.test(word)) return 'number';
  if (/^(char|varchar|tinytext|text|mediumtext|longtext|enum|set|datetime)$/.test(word)) return 'string';
  if (word === 'date') return 'date';
  return word === 'timestamp' ? 'timestamp' : undefined;
}

function exactOf(declared: string, type: SqlColumn['type']): Pick<SqlColumn, 'exact'> {
  if (type === 'decimal') return exactDecimal(declared);
  if (declared.startsWith('datetime')) return { exact: 'local-timestamp-micros' };
  const unsigned = declared.includes(' unsigned');
  switch (firstWord(declared)) {
    case 'float':
      return { exact: 'float' };
    case 'smallint':
    case 'mediumint':
    case 'year':
      return { exact: 'int32' };
    case 'int':
      return { exact: unsigned ? 'uint32' : 'int32' };
    case 'bigint':
      return unsigned ? { exact: 'uint64' } : {};
    default:
      return {};
  }
}

function holdsEmptyText(declared: string): boolean {
  const word = firstWord(declared);
  if (word === 'enum') return declared === word || /[(,]''[,)]/.test(declared);
  return /^(char|varchar|tinytext|text|mediumtext|longtext|set)$/.test(word) || isBinaryWord(word);
}

/** Whether a column holds bytes, which are `\x` and hexadecimal digits as text. */
export function isBinary({ declared }: Pick<SqlColumn, 'declared'>): boolean {
  const word = firstWord(declared);
  return isBinaryWord(word) || /^(geometry|point|linestring|polygon|multi\w+|geometrycollection|vector)$/.test(word);
}

/** Whether a column holds numbers of 32 bits. */
export function isSingle({ declared }: Pick<SqlColumn, 'declared'>): boolean {
  return firstWord(declared) === 'float';
}

export function isBits({ declared }: Pick<SqlColumn, 'declared'>): boolean {
  return firstWord(declared) === 'bit';
}

function isBinaryWord(word: string): boolean {
  return /^(binary|varbinary|tinyblob|blob|mediumblob|longblob)$/.test(word);
}

function firstWord(declared: string): string {
  return /^[a-z]+/i.exec(declared)?.[0].toLowerCase() ?? '';
}

/** The words for the type of a result's column, which need not stand in any table. */
function wordsOf({ type, binary, length, decimals, unsigned }: WireField): string {
  const sign = unsigned ? ' unsigned' : '';
  switch (type) {
    case WIRE.tiny:
      return `tinyint(${length})${sign}`;
    case WIRE.short:
      return `smallint${sign}`;
    case WIRE.int24:
      return `mediumint${sign}`;
    case WIRE.long:
      return `int${sign}`;
    case WIRE.longlong:
      return `bigint${sign}`;
    case WIRE.decimal:
    case WIRE.newdecimal:
      // Its length in characters, with a sign and a point where there may be.
      return `decimal(${length - (decimals > 0 ? 1 : 0) - (unsigned ? 0 : 1)},${decimals})${sign}`;
    case WIRE.float:
      return 'float';
    case WIRE.double:
      return 'double';
    case WIRE.timestamp:
      return 'timestamp';
    case WIRE.datetime:
      return 'datetime';
    case WIRE.date:
    case WIRE.newdate:
      return 'date';
    case WIRE.time:
      return 'time';
    case WIRE.year:
      return 'year';
    case WIRE.bit:
      return `bit(${length})`;
    case WIRE.json:
      return 'json';
    case WIRE.geometry:
      return 'geometry';
    case WIRE.enum:
      return 'enum';
    case WIRE.set:
      return 'set';
    default:
      return binary ? 'varbinary' : 'varchar';
  }
}
