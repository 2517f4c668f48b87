import { type DeadLetterReader, type KeptLetter, parseDeadLetter, SluiceError } from '../../src/sdk.ts';
import { databaseError } from './database-error.ts';
import type { SqlConnection } from './driver.ts';
import { findOutput } from './output-place.ts';
import { sqlDriver } from './sql-drivers.ts';
import { type SqlOutput, tableOf } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';
import { StateTables } from './state-tables.ts';

/** The dead letters of an output in a database: of all its runs, and of all parts of a live topic. */
export function createTableLetters(access: SqlAccess, output: SqlOutput): DeadLetterReader {
  const name = tableOf(output);
  return {
    name,
    async *read(signal) {
      const driver = await sqlDriver(access);
      try {
        await using connection = await driver.connect(signal);
        const place = await findOutput(connection, output, signal);
        const state = new StateTables(driver.dialect, place.state, place.key);
        if (!(await state.isThere(connection, signal)))
          throw new SluiceError('INTAKE_NOT_FOUND', `No job has written to ${name} yet. Run the job first.`);
        for (const key of await state.outputs(connection, signal)) {
          const own = new StateTables(driver.dialect, place.state, key);
          for (const { run } of await own.rows(connection, signal))
            for await (const { letter } of readLetters(own, run, connection, signal)) yield letter;
        }
      } catch (error) {
        throw databaseError(error, { driver, doing: `reading the dead letters of ${name}` });
      }
    },
  };
}

/** A dead letter with its number among those of its run. */
export interface NumberedLetter {
  readonly number: number;
  readonly letter: KeptLetter;
}

/** The letters of a run in their order, a page at a time: the connection is free between two of them. */
export async function* readLetters(
  state: StateTables,
  run: string,
  connection: SqlConnection,
  signal: AbortSignal,
): AsyncGenerator<NumberedLetter, void> {
  for (let after = 0; ; ) {
    const page = await state.letters(connection, { run, after }, signal);
    if (page === null) return;
    for (const { number, line } of page) {
      const letter = parseDeadLetter(line);
      if (letter === null)
        throw new SluiceError(
          'LEDGER_BROKEN',
          `Dead letter ${number} of the run ${run} in ${state.lettersName} is none.`,
        );
      yield { number, letter };
      after = number;
    }
  }
}
