import { expect, test } from 'vitest';
import { tableNames } from '../acceptance/sql-intake.ts';
import { sqlSink } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

const signal = new AbortController().signal;

async function leavesNothing(make: () => Promise<TestDatabase>): Promise<void> {
  await using database = await make();
  {
    await using sink = sqlSink(database.access, {});
    await sink.check(signal);
    expect(await tableNames(database)).toEqual([]);
  }
  await using running = sqlSink(database.access, {});
  await running.open({ intake: 'x' }, signal);
  await using other = sqlSink(database.access, {});
  await expect(other.check(signal)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
}

test('a check in SQLite makes no table, and sees who writes', () => leavesNothing(newSqlite));

needs('jdbc')('by JDBC', () => {
  test('a check in H2 makes no table, and sees who writes', () => leavesNothing(newH2));
});
