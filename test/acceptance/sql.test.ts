import { afterAll, beforeAll, describe, test } from 'vitest';
import {
  type AcceptanceCheck,
  abortLeavesNothing,
  acceptSink,
  acceptSource,
  checkNamesWhatIsWrong,
  continuesAfterKills,
  deliveredAgainIsWrittenOnce,
  difficultValuesAreRead,
  difficultValuesAreWritten,
  killedBetweenCommitAndPublish,
  killedBetweenWriteAndCommit,
  sinkKeepsSecrets,
  sourceKeepsSecrets,
  splitsInParallel,
  stoppedReaderStopsReading,
} from '../../src/testing.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';
import { sqlIntakeFaults, sqlOutputFaults } from './sql-checks.ts';
import { difficultTable, intakeForms, sqlIntake, wideTable } from './sql-intake.ts';
import { sqlOutputs } from './sql-output.ts';

/** A run is killed some sixty times, each in a process of its own. */
const KILLS_MS = 240_000;

const databases = [
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres, every: 7, cannotHold: ['NUL'] },
  { name: 'SQLite', group: describe, make: newSqlite, every: 7, cannotHold: [] },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb(), every: 13, cannotHold: [] },
  // Each killed run starts a Java of its own.
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2(), every: 31, cannotHold: [] },
] as const;

/** Java is started once for all tests of a group: for as long as somebody is connected. */
function heldOpen(make: () => Promise<TestDatabase>): void {
  let held: TestDatabase;
  beforeAll(async () => {
    held = await make();
  });
  afterAll(() => held?.[Symbol.asyncDispose]());
}

for (const { name, group, make, every, cannotHold } of databases) {
  const hasPassword = name === 'PostgreSQL' || name === 'MariaDB';
  group(`the source of tables in ${name}`, () => {
    if (name === 'H2 by JDBC') heldOpen(make);
    const inRanges = async () => sqlIntake(await make(), intakeForms['a table in ranges of its key']);
    const checks: AcceptanceCheck[] = [
      splitsInParallel(inRanges),
      checkNamesWhatIsWrong(() => sqlIntakeFaults(make)),
      difficultValuesAreRead(async (rows) => difficultTable(await make(), rows), cannotHold),
    ];
    // Each reader would start a Java of its own.
    if (name !== 'H2 by JDBC') checks.push(continuesAfterKills(inRanges));
    if (hasPassword)
      checks.push(
        sourceKeepsSecrets(inRanges),
        stoppedReaderStopsReading(async () => wideTable(await make())),
      );
    for (const check of checks) test(check.name, check.run, KILLS_MS);
  });
  group(`the sink of tables in ${name}`, () => {
    if (name === 'H2 by JDBC') heldOpen(make);
    const check = checkNamesWhatIsWrong(() => sqlOutputFaults(make));
    test(check.name, check.run);
  });
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
      const outputs = sqlOutputs(make, atOnce, every);
      const more = [
        abortLeavesNothing(outputs),
        deliveredAgainIsWrittenOnce(outputs),
        difficultValuesAreWritten(outputs, cannotHold),
        killedBetweenWriteAndCommit(outputs),
        killedBetweenCommitAndPublish(outputs),
        ...(hasPassword ? [sinkKeepsSecrets(outputs)] : []),
      ];
      // For Java, whose every run takes a second, one form shows what there is.
      const checks = [...acceptSink(outputs), ...(name === 'H2 by JDBC' && atOnce ? [] : more)];
      for (const check of checks) test(check.name, check.run, KILLS_MS);
    });
  }
}
