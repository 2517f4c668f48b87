import { expect, test } from 'vitest';
import { createSqlSink } from '../../connectors/sql/sql-sink.ts';
import { systemClock } from '../../src/core/clock.ts';
import { runWholeOutput, SinkPlan } from '../../src/testing.ts';
import { plainOutput, sqlSink } from '../acceptance/sql-output.ts';
import { newSqlite } from '../support/sql-databases.ts';

test('a run that waits for the lock of one that makes the table finds the table when it has the lock', async () => {
  await using database = await newSqlite();
  const { signal } = new AbortController();
  const plan = new SinkPlan({ batches: 1, rowsPerBatch: 5, padding: 0 });
  const { access } = database;
  await using first = sqlSink(access, {});
  await first.open(plan.job, signal);
  let waits = 0;
  const sleep = async (): Promise<void> => {
    waits += 1;
    if (waits > 1) throw new Error('the lock is not free');
    await first.write(plan.batch(0), plan.schema, signal);
    await first.publish(plan.facts(), plan.schema, signal);
    await first.close();
  };
  const output = { ...plainOutput, create: 'must' } as const;
  await using second = createSqlSink({ access, output, clock: { ...systemClock, sleep } });
  await expect(second.open({ intake: 'another' }, signal)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
  expect(waits).toBe(1);
  // The one that comes next finds nothing in its way.
  await runWholeOutput(sqlSink(access, { overwrite: true }), plan, signal);
});
