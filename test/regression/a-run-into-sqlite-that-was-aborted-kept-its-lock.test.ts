import { expect, test } from 'vitest';
import { SinkPlan } from '../../src/testing.ts';
import { sqlSink } from '../acceptance/sql-output.ts';
import { newSqlite } from '../support/sql-databases.ts';

test('a run that is aborted while it loads rows is discarded, and the table is free for the next', async () => {
  await using database = await newSqlite();
  const aborting = new AbortController();
  const never = new AbortController().signal;
  // More rows than are loaded without a look at what else there is to do.
  const plan = new SinkPlan({ batches: 1, rowsPerBatch: 2000, padding: 0 });
  await using sink = sqlSink(database.access, { chunkBytes: 1 });
  await sink.open(plan.job, never);
  await sink.write(plan.batch(0), plan.schema, aborting.signal);
  const committing = sink.commit(aborting.signal);
  const reason = new Error('enough');
  setImmediate(() => aborting.abort(reason));
  await expect(committing).rejects.toBe(reason);
  await sink.discard();
  await sink.close();
  await using next = sqlSink(database.access, {});
  expect(await next.open({ intake: 'another' }, never)).toBeNull();
});
