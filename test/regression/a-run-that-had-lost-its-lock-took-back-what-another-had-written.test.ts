import { expect, test } from 'vitest';
import { createSqlSink } from '../../connectors/sql/sql-sink.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { SinkPlan } from '../../src/testing.ts';
import { plainOutput, sqlSink } from '../acceptance/sql-output.ts';
import { needs } from '../support/services/needs.ts';
import { PostgresProxy } from '../support/services/postgres-proxy.ts';
import { newPostgres } from '../support/sql-databases.ts';

const { signal } = new AbortController();
const plan = new SinkPlan({ batches: 4, rowsPerBatch: 5, padding: 0 });

/** Nobody waits for long. */
function quickClock(): Clock {
  let now = 0;
  return {
    ...systemClock,
    now: () => now,
    sleep: async (ms) => {
      now += ms * 1000;
    },
  };
}

needs('postgres')('a run whose connection was lost, and whose job another run continues', () => {
  test.each([
    ['is at it', false],
    ['has finished it', true],
  ])('discards nothing while the other one %s', async (_words, finishes) => {
    await using database = await newPostgres();
    const { access, connection } = database;
    const target = new URL(access.jdbcUrl.replace('jdbc:', ''));
    await using proxy = await PostgresProxy.start({ host: target.hostname, port: Number(target.port) });
    const jdbcUrl = access.jdbcUrl.replace(target.host, `127.0.0.1:${proxy.port}`);
    await using lost = createSqlSink({ access: { ...access, jdbcUrl }, output: plainOutput, clock: quickClock() });
    await lost.open(plan.job, signal);
    await lost.write(plan.batch(0), plan.schema, signal);
    await lost.commit(signal);
    proxy.cutAll();
    await using other = sqlSink(access, {});
    expect((await other.open(plan.job, signal))?.sequence).toBe(1);
    for (const sequence of [1, 2, 3]) await other.write(plan.batch(sequence), plan.schema, signal);
    await other.commit(signal);
    if (finishes) {
      await other.publish(plan.facts(), plan.schema, signal);
      await other.close();
    }
    await lost.write(plan.batch(1), plan.schema, signal);
    await expect(lost.commit(signal)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
    await expect(lost.discard()).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
    await lost.close();
    if (!finishes) await other.publish(plan.facts(), plan.schema, signal);
    const rows = await connection.query('SELECT count(*) FROM "Scored rows"', [], signal);
    expect(rows).toEqual([[plan.records().length]]);
  });
});
