import type { JobInput } from '../../src/index.ts';
import { verifyNamedTable } from '../../src/jobs/verify-named-table.ts';
import type { PredictionServer } from './prediction-server.ts';
import type { TestDatabase } from './sql-databases.ts';

const never = new AbortController().signal;

/** A live job into a table; its parts are written by `writeParts`, whose target has another name than that of the server. */
export function jobIntoParts(
  server: PredictionServer,
  { access }: TestDatabase,
  table: string,
  output: object = {},
  changes: Partial<JobInput> = {},
): JobInput {
  const { jdbcUrl, user, password } = access;
  const credentials = user === null ? {} : { credentials: { user, password } };
  return {
    deployment: { id: 'd', server: server.url },
    kafka: { brokers: 'nobody:1' },
    intakeSettings: { type: 'kafka', topic: 'in', group: 'scorers' },
    outputSettings: {
      type: 'jdbc',
      jdbcUrl,
      ...credentials,
      table,
      statementType: 'insert',
      createTableIfNotExists: true,
      ...output,
    },
    passthroughColumns: ['id', 'text'],
    ...changes,
  };
}

/** The rows of a table, each as its fields in JSON, in order. */
export async function rowsOfTable(
  { connection, driver: { dialect } }: TestDatabase,
  name: string,
  columns: readonly string[],
): Promise<string[]> {
  const names = columns.map((column) => dialect.quote(column)).join(', ');
  const table = dialect.tableName({ catalog: null, schema: null, name });
  const rows = await connection.query(`SELECT ${names} FROM ${table}`, [], never);
  return rows.map((row) => JSON.stringify(row.map((cell) => (cell === null ? null : String(cell))))).toSorted();
}

/** What `sluice verify` finds wrong with a table. */
export async function problemsOfTable({ access }: TestDatabase, table: string): Promise<readonly string[]> {
  const { jdbcUrl, user, password } = access;
  const login = user === null ? {} : { user, passwordEnv: 'SLUICE_TEST_TABLE_PASSWORD' };
  const env = { SLUICE_TEST_TABLE_PASSWORD: password ?? '' };
  const { problems } = await verifyNamedTable({ jdbcUrl, ...login, table }, undefined, env);
  return problems;
}
