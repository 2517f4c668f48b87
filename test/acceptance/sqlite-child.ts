import { runUntilKilled, runWholeOutput, SinkPlan, type SinkPlanSize, tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { resolveSluiceByName } from '../support/sluice-by-name.ts';

/*
 * Tells the batches of a table, or writes a whole output: then it dies by SIGKILL at the n-th call of the database from 0, or at a moment of
 * the run, by name.
 */
resolveSluiceByName();
const { DatabaseSync } = await import('node:sqlite');
const { createSqliteSink } = await import('../integration/examples/sqlite-sink.ts');
const { createSqliteSource } = await import('../integration/examples/sqlite-source.ts');
keepCompiled();
const [work = '', file = '', size = '', operation = ''] = process.argv.slice(2);

if (work === 'read') await tellBatches(createSqliteSource(file, 'flights'));
else {
  const plan = new SinkPlan(JSON.parse(size) as SinkPlanSize);
  const sink = createSqliteSink(file, { overwrite: false });
  if (operation === 'written' || operation === 'committed') await runUntilKilled(sink, plan, operation);
  let left = Number(operation);
  const methods = DatabaseSync.prototype as unknown as Record<'exec' | 'prepare', (sql: string) => unknown>;
  for (const name of ['exec', 'prepare'] as const) {
    const original = methods[name];
    methods[name] = function (this: unknown, sql: string) {
      if (!sql.startsWith('SELECT') && (left -= 1) < 0) process.kill(process.pid, 'SIGKILL');
      return original.call(this, sql);
    };
  }
  await runWholeOutput(sink, plan, new AbortController().signal);
}
