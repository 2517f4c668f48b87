import type { SqlDialect } from '../dialect.ts';
import { STAGE_ROW } from '../dialect.ts';
import { OF_CONNECTION } from '../own-stages.ts';
import { digitsOf, isMoment, isNumeric, isWallClock, type SqlColumn, type TableName } from '../sql-column.ts';
import { isBinary, isSingle } from './mysql-columns.ts';
import { placeAmongLabels } from './mysql-labels.ts';
import { mysqlMoment } from './mysql-moment.ts';

const TYPES: Readonly<Record<NonNullable<SqlColumn['type']>, string>> = {
  boolean: 'tinyint(1)',
  integer: 'bigint',
  number: 'double',
  // Of a decimal of MySQL one would have to know how many digits there may be.
  decimal: 'longtext character set utf8mb4',
  string: 'longtext character set utf8mb4',
  date: 'date',
  timestamp: 'datetime(6)',
};

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** Digits that a decimal may have here, and those of them behind the point that MySQL has, too. */
const MOST = { precision: 65, scale: 30 } as const;

function typeOf(type: SqlColumn['type'], exact?: SqlColumn['exact']): string {
  const digits = digitsOf(exact);
  if (digits !== null && digits.precision <= MOST.precision && digits.scale <= MOST.scale)
    return `decimal(${digits.precision},${digits.scale})`;
  if (isWallClock(exact)) return 'datetime(6)';
  if (type === 'integer' && exact === 'uint64') return 'bigint unsigned';
  return TYPES[type ?? 'string'];
}

/** SQL as MySQL has it. */
export const mysqlDialect: SqlDialect = dialectOf('table', ` ${OF_CONNECTION}`);

/** As MySQL's, with temporary tables that a statement may name more than once. */
export const mariaDbDialect: SqlDialect = dialectOf('temporary table', '');

/** @param kind of the stages that belong to one connection. */
function dialectOf(ofConnection: string, comment: string): SqlDialect {
  return {
    quote,
    tableName,
    parameter: () => '?',
    literal: (text, column) => {
      if (column.type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true' ? '1' : '0';
      // As the server compares it: with the nearest number of 32 bits, in all its digits.
      if (isSingle(column) && NUMBER.test(text)) return String(Math.fround(Number(text)));
      if (isNumeric(column) && NUMBER.test(text)) return text;
      const place = placeAmongLabels(text, column);
      if (place !== null) return place;
      if (isBinary(column) && /^\\x(?:[0-9a-f]{2})*$/i.test(text)) return `x'${text.slice(2)}'`;
      // In hexadecimal a text means the same in every SQL mode.
      const meant = isMoment(column) ? mysqlMoment(text) : text;
      return `_utf8mb4 x'${Buffer.from(meant).toString('hex')}'`;
    },
    typeOf,
    // By `=` alone texts that differ in case, accents or spaces at their end are the same.
    same: (a, b) => `(${a} = ${b} AND CAST(${a} AS BINARY) = CAST(${b} AS BINARY))`,
    // By its bytes: names that differ in case or accents are not the same.
    keyText: (length) => `varchar(${length}) character set utf8mb4 collate utf8mb4_bin`,
    longText: TYPES.string,
    createStage: ({ stage, columns, lasting }) => {
      const kind = lasting ? 'table' : ofConnection;
      const fields = columns.map((column) => `${quote(column.name)} ${nullable(column.declared)}`);
      return [
        `drop ${kind} if exists ${tableName(stage)}`,
        `create ${kind} ${tableName(stage)} (${quote(STAGE_ROW)} bigint not null auto_increment primary key, ${fields.join(', ')}) engine = InnoDB${lasting ? '' : comment}`,
      ];
    },
    updateFromStage: ({ table, stage, where, set, match }) => {
      const on = match.map((name) => `t.${name} = s.${name}`).join(' and ');
      const changes = set.map((name) => `t.${name} = s.${name}`).join(', ');
      return `update ${table} t join ${stage} s on ${on} set ${changes} where ${where}`;
    },
    savepoint: {
      set: 'savepoint sluice',
      rollback: 'rollback to savepoint sluice',
      release: 'release savepoint sluice',
    },
    // They can, but neither's optimizer makes a range of an index of it.
    comparesRows: false,
  };
}

/** Of all types a column of times alone may not be null unless that is said. */
function nullable(declared: string): string {
  return `${declared} null`;
}

function quote(identifier: string): string {
  return `\`${identifier.replaceAll('`', '``')}\``;
}

/** Here a schema is a database, and what JDBC calls a catalog. */
function tableName({ catalog, schema, name }: TableName): string {
  const database = schema ?? catalog;
  return database === null ? quote(name) : `${quote(database)}.${quote(name)}`;
}
