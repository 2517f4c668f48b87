import { verifyTable } from '../../../connectors/sql/verify/verify-table.ts';
import { countProblems } from '../../../src/codecs/objects/verify-output.ts';
import { encodeRecords } from '../../../src/core/canonical-csv.ts';
import type { Manifest } from '../../../src/core/ledger.ts';
import type { TestDatabase } from '../sql-databases.ts';
import { deadIn, type Scored, scoredOf } from './found-rows.ts';
import type { MatrixPlace, PlacedIntake, PlacedOutput } from './matrix-parts.ts';

const INTAKE = { catalog: null, schema: null, name: 'flights' };
const OUTPUT = { catalog: null, schema: null, name: 'scored' };
const never = new AbortController().signal;

/** The rows in a table, in the order of a number that is its key. */
export async function sqlIntake(make: () => Promise<TestDatabase>, { rows }: MatrixPlace): Promise<PlacedIntake> {
  const database = await make();
  const { connection, driver } = database;
  const { quote, tableName, typeOf, keyText } = driver.dialect;
  const names = Object.keys(rows[0]!) as (keyof (typeof rows)[number])[];
  const fields = names.map((name) => `${quote(name)} ${keyText(40)}`);
  await connection.execute(
    `CREATE TABLE ${tableName(INTAKE)} (${quote('n')} ${typeOf('integer')} NOT NULL PRIMARY KEY, ${fields.join(', ')})`,
    [],
    never,
  );
  const { columns } = (await connection.describeTable(INTAKE, never))!;
  for (let from = 0; from < rows.length; from += 1_000) {
    const records = rows
      .slice(from, from + 1_000)
      .map((row, i) => [String(from + i), ...names.map((name) => row[name])]);
    await connection.load({ table: INTAKE, columns }, encodeRecords(records), never);
  }
  return {
    settings: { ...access(database), table: INTAKE.name, rangeRows: 3_000 },
    order: rows.map((row) => row.flight_id),
    close: async () => await database[Symbol.asyncDispose](),
  };
}

/** A table of a database of its own, that gets its rows by and by; not made yet. */
export async function sqlOutput(make: () => Promise<TestDatabase>): Promise<PlacedOutput> {
  const database = await make();
  return {
    settings: {
      ...access(database),
      table: OUTPUT.name,
      statementType: 'insert' as const,
      createTableIfNotExists: true,
    },
    read: async (manifest) => await readTables(database, manifest),
    close: async () => await database[Symbol.asyncDispose](),
  };
}

async function readTables({ connection, driver, access: reached }: TestDatabase, manifest: Manifest) {
  const { quote, tableName } = driver.dialect;
  const query = async (names: readonly string[], table: string) =>
    await connection.query(
      `SELECT ${names.map(quote).join(', ')} FROM ${tableName({ ...OUTPUT, name: table })}`,
      [],
      never,
    );
  const rows = await query(['flight_id', 'y_PREDICTION'], OUTPUT.name);
  const letters = await query(['letter'], 'sluice_dead_letters');
  const runs = await query(['state', 'manifest'], 'sluice_ledger');
  const counts = Object.fromEntries(manifest.objects.map(({ role, records }) => [role, records]));
  const problems = [
    ...(counts['rows'] === rows.length ? [] : [`${rows.length} rows, ${counts['rows']} in the manifest`]),
    ...(counts['deadLetters'] === letters.length ? [] : [`${letters.length} letters, ${counts['deadLetters']} in it`]),
    ...(runs.length === 1 && runs[0]![0] === 'finished' ? [] : [`the ledger has ${JSON.stringify(runs)}`]),
    ...(JSON.stringify(JSON.parse(String(runs[0]?.[1]))) === JSON.stringify(manifest) ? [] : ['another manifest']),
    ...(await verifyTable(reached, { table: OUTPUT, stateSchema: null }, countProblems, never)).problems,
  ];
  return {
    // A table has no order.
    parts: rows.map(([id, score]) => [scoredOf({ flight_id: id, y_PREDICTION: score } as Scored)]),
    deadIds: deadIn(letters.map(([letter]) => String(letter)).join('\n')),
    problems,
  };
}

function access({ access: { jdbcUrl, user, password, jars } }: TestDatabase) {
  return {
    type: 'jdbc' as const,
    jdbcUrl,
    ...(user === null ? {} : { credentials: { user, password: password ?? '' } }),
    ...(jars.length === 0 ? {} : { jars: [...jars] }),
  };
}
