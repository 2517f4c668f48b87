import { test } from 'vitest';
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
import { isWhole } from '../support/effort.ts';
import { heldOpen, testedDatabases } from '../support/tested-databases.ts';
import { sqlIntakeFaults, sqlOutputFaults } from './sql-checks.ts';
import { difficultTable, intakeForms, sqlIntake, wideTable } from './sql-intake.ts';
import { outputForms, sqlOutputs } from './sql-output.ts';

/** A run is killed some ten times, each in a process of its own. */
const KILLS_MS = 240_000;

/** At which of its operations a run is killed; `test/grid/sql-kills.test.ts` kills it at each. For H2 each killed run starts a Java of its own. */
const everyOf = { PostgreSQL: 7, SQLite: 7, MariaDB: 13, 'H2 by JDBC': 31 } as const;

for (const { name, group, make } of testedDatabases) {
  const hasPassword = name === 'PostgreSQL' || name === 'MariaDB';
  const cannotHold = name === 'PostgreSQL' ? ['NUL'] : [];
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
    // The source is the same for all; of the driver one form shows what there is.
    if (name === 'H2 by JDBC' && !isWhole && !form.startsWith('a table in ranges')) continue;
    group(`the source of ${form} in ${name}`, () => {
      if (name === 'H2 by JDBC') heldOpen(make);
      for (const check of acceptSource(async () => sqlIntake(await make(), intake))) test(check.name, check.run);
    });
  }
  for (const [words, form] of Object.entries(outputForms)) {
    // So is the sink; what a broken connection leaves of rows that come by and by is in test/faults/sql-output-faults.test.ts.
    if (name === 'H2 by JDBC' && !isWhole && !form.atOnce) continue;
    group(`the sink of a table ${words} in ${name}`, () => {
      if (name === 'H2 by JDBC') heldOpen(make);
      const outputs = sqlOutputs(make, form, everyOf[name]);
      const more = [
        abortLeavesNothing(outputs),
        deliveredAgainIsWrittenOnce(outputs),
        difficultValuesAreWritten(outputs, cannotHold),
        killedBetweenWriteAndCommit(outputs),
        killedBetweenCommitAndPublish(outputs),
        ...(hasPassword ? [sinkKeepsSecrets(outputs)] : []),
      ];
      const checks = [...acceptSink(outputs), ...more];
      for (const check of checks) test(check.name, check.run, KILLS_MS);
    });
  }
}
