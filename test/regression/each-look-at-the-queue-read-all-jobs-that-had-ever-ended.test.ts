import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { JobStore } from '../../src/jobs/queue/store/job-store.ts';
import { storeAddress } from '../../src/jobs/queue/store/store-address.ts';
import type { StoreStatements } from '../../src/jobs/queue/store/store-session.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-queue-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// With 20,000 jobs that had ended a look took 64 ms, and every request that shows a job looks.
test('the queue, and how many jobs of a user are open, are found by an index of the open ones', async () => {
  await using store = await JobStore.open(storeAddress(null, folder), null);
  const plans: string[] = [];
  const explained = (statements: StoreStatements): StoreStatements => ({
    ...statements,
    query: async (sql, parameters) => {
      const plan = await statements.query(`EXPLAIN QUERY PLAN ${sql}`, parameters);
      plans.push(...plan.map((step) => String(step.at(-1))).filter((step) => step.includes('sluice_jobs')));
      return await statements.query(sql, parameters);
    },
  });
  const use = store.session.use.bind(store.session);
  vi.spyOn(store.session, 'use').mockImplementation((work) => use((statements) => work(explained(statements))));

  await store.inQueue();
  await store.unfinished('anna');
  await store.endedBefore(1);

  expect(plans).toEqual([
    expect.stringMatching(/^SCAN sluice_jobs USING INDEX sluice_jobs_open$/),
    expect.stringMatching(/^SEARCH sluice_jobs USING (COVERING )?INDEX sluice_jobs_open/),
    expect.stringMatching(/^SEARCH sluice_jobs USING INDEX sluice_jobs_kept/),
  ]);
});
