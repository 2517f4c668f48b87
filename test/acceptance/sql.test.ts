import { afterAll, beforeAll, describe, test } from 'vitest';
import { acceptSink, acceptSource } from '../../src/testing.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';
import { intakeForms, sqlIntake } from './sql-intake.ts';
import { sqlOutputs } from './sql-output.ts';

/** A run is killed some sixty times, each in a process of its own. */
const KILLS_MS = 240_000;

const databases = [
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres, every: 7 },
  { name: 'SQLite', group: describe, make: newSqlite, every: 7 },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb(), every: 13 },
  // Each killed run starts a Java of its own.
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2(), every: 31 },
] as const;

/** Java is started once for all tests of a group: for as long as somebody is connected. */
function heldOpen(make: () => Promise<TestDatabase>): void {
  let held: TestDatabase;
  beforeAll(async () => {
    held = await make();
  });
  afterAll(() => held?.[Symbol.asyncDispose]());
}

for (const { name, group, make, every } of databases) {
  for (const [form, intake] of Object.entries(intakeForms)) {
    // The source is the same for all; of the driver two forms show what there is.
    if (name === 'H2 by JDBC' && form.startsWith('a table with a key')) continue;
    if (name === 'H2 by JDBC' && form.startsWith('a query with keyColumns')) continue;
    group(`the source of ${form} in ${name}`, () => {
      if (name === 'H2 by JDBC') heldOpen(make);
      for (const check of acceptSource(async () => sqlIntake(await make(), intake))) test(check.name, check.run);
    });
  }
  for (const [form, atOnce] of [
    ['whose rows come at once', true],
    ['whose rows come by and by', false],
  ] as const) {
    group(`the sink of a table ${form} in ${name}`, () => {
      if (name === 'H2 by JDBC') heldOpen(make);
      for (const check of acceptSink(sqlOutputs(make, atOnce, every))) test(check.name, check.run, KILLS_MS);
    });
  }
}
