import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { createSqlSource } from '../../connectors/sql/sql-source.ts';
import type { CheckDriver, ConnectorFault } from '../../src/testing.ts';
import { freePort } from '../support/services/free-port.ts';
import type { TestDatabase } from '../support/sql-databases.ts';
import { tableNames } from './sql-intake.ts';
import { sqlSink } from './sql-output.ts';

const signal = new AbortController().signal;
const WRONG = 'a-wrong-password';
const tableOf = (name: string) => ({ catalog: null, schema: null, name });

/** What can be wrong with a table that is read. */
export async function sqlIntakeFaults(make: () => Promise<TestDatabase>): Promise<CheckDriver> {
  const database = await withTable(make);
  const { access, driver } = database;
  const { quote } = driver.dialect;
  const intake = { query: null, table: null, keyColumns: [], rangeRows: 1000, connections: 2, aheadBytes: 1_000_000 };
  const source = (at: SqlAccess, what: object) => () => createSqlSource({ access: at, intake: { ...intake, ...what } });
  const there = { table: tableOf('some') };
  return {
    ...driverOf(database),
    sound: source(access, there),
    faults: {
      ...(await wrongPlaces(database, (at) => source(at, there))),
      'a missing table': { part: source(access, { table: tableOf('none') }), code: 'DATABASE_MISSING', says: /none/i },
      'a missing column': {
        part: source(access, { query: `SELECT ${quote('height')} FROM ${quote('some')}` }),
        code: 'DATABASE_MISSING',
        says: /height/i,
      },
    },
  };
}

/** What can be wrong with a table that is written. */
export async function sqlOutputFaults(make: () => Promise<TestDatabase>): Promise<CheckDriver> {
  const database = await withTable(make);
  const { access } = database;
  const sink =
    (at: SqlAccess, name: string, more: object = {}) =>
    () =>
      sqlSink(at, { table: tableOf(name), create: 'never', ...more });
  return {
    ...driverOf(database),
    sound: sink(access, 'some'),
    faults: {
      ...(await wrongPlaces(database, (at) => sink(at, 'some'))),
      'a missing table': {
        part: sink(access, 'none'),
        code: 'DATABASE_MISSING',
        says: /no table .*none.*createTableIfNotExists/,
      },
      'a table that is there': {
        part: sink(access, 'some', { create: 'must' }),
        code: 'OUTPUT_EXISTS',
        says: /create_table wants a table that is not there yet, and .*some is/,
      },
      'a missing column': {
        part: sink(access, 'some', { statement: 'update', whereColumns: ['height'] }),
        code: 'DATABASE_MISSING',
        says: /no column "height"/,
      },
    },
  };
}

async function withTable(make: () => Promise<TestDatabase>): Promise<TestDatabase> {
  const database = await make();
  const { connection, driver } = database;
  const { quote, typeOf } = driver.dialect;
  await connection.execute(
    `CREATE TABLE ${quote('some')} (${quote('id')} ${typeOf('integer')} NOT NULL PRIMARY KEY)`,
    [],
    signal,
  );
  return database;
}

function driverOf(database: TestDatabase): Pick<CheckDriver, 'secrets' | 'contents' | 'close'> {
  const { password } = database.access;
  return {
    secrets: [WRONG, ...(password === null || password === '' ? [] : [password])],
    contents: () => tableNames(database),
    close: async () => database[Symbol.asyncDispose](),
  };
}

/** A file that is not there, or a server and a password that are not right. */
async function wrongPlaces(
  { access, driver }: TestDatabase,
  part: (at: SqlAccess) => ConnectorFault['part'],
): Promise<Readonly<Record<string, ConnectorFault>>> {
  if (driver.product === 'SQLite') {
    const jdbcUrl = access.jdbcUrl.replace('test.db?create=true', 'no.db');
    return { 'a missing file': { part: part({ ...access, jdbcUrl }), code: 'DATABASE_MISSING', says: /create=true/ } };
  }
  const port = await freePort();
  const jdbcUrl = access.jdbcUrl.replace(/:\d+\//, `:${port}/`);
  return {
    'a wrong address': {
      part: part({ ...access, jdbcUrl, connectMs: 500 }),
      code: 'DATABASE_UNREACHABLE',
      says: new RegExp(`127\\.0\\.0\\.1:${port}|localhost:${port}`),
    },
    'a wrong password': { part: part({ ...access, password: WRONG }), code: 'DATABASE_ACCESS', says: /password/i },
  };
}
