import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshLedger, type Manifest } from '../../src/core/ledger.ts';
import { NO_VALUES, type Statistics } from '../../src/core/statistics.ts';
import { MonitoringStore, mergedStatistics } from '../../src/jobs/monitoring/kept/monitoring-store.ts';
import { ServiceRecorder } from '../../src/jobs/monitoring/kept/service-recorder.ts';
import { checkBody } from '../../src/jobs/queue/body/described-job.ts';
import type { JobRecord } from '../../src/jobs/queue/job-record.ts';
import { newRecord } from '../../src/jobs/queue/new-record.ts';
import { JobStore } from '../../src/jobs/queue/store/job-store.ts';
import { storeAddress } from '../../src/jobs/queue/store/store-address.ts';
import { type PostgresDatabase, postgresDatabase } from '../support/services/postgres.ts';

const HOUR = 3_600_000;
let folder: string;
let database: PostgresDatabase;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-monitoring-store-'));
  database = await postgresDatabase();
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** What `server.store` says. */
const stores = {
  SQLite: () => null,
  PostgreSQL: () => {
    const { user, password, host, port, database: name } = database;
    return `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
  },
};

function record(id: string): JobRecord {
  return newRecord({
    id,
    owner: { userId: `user of ${id}`, username: 'anna', fullName: 'anna' },
    ...checkBody({ deploymentId: 'd' }),
    server: 'http://127.0.0.1:1',
    model: null,
    created: 0,
    origin: { source: 'Ad hoc API', address: '127.0.0.1' },
  });
}

function manifest(rows: number, baseline = 'b1'): Manifest {
  const { job, tally, intakeBytes, model } = freshLedger({ baseline });
  const statistics: Statistics = { rows, sampled: rows, refusals: NO_VALUES, features: [], predictions: [] };
  return { version: 1, job, tally, columns: [], model, intakeBytes, finished: '', objects: [], statistics };
}

describe.each(['SQLite', 'PostgreSQL'] as const)('what is kept of jobs in %s', (name) => {
  const all = { deployment: 'd', model: null, from: 0, to: 1_000 * HOUR };

  test('statistics count once, when the record of their job says that it is completed', async () => {
    await using jobs = await JobStore.open(storeAddress(stores[name](), folder), null);
    const kept = await MonitoringStore.open(jobs.session);
    for (const id of ['one', 'two', 'other']) await jobs.insert(record(id));
    await kept.keepStatistics({ id: 'one', deploymentId: 'd' }, manifest(10), HOUR);
    expect(await kept.statistics(all, 'b1')).toEqual([]);
    // Whoever took the job over writes it once more.
    await kept.keepStatistics({ id: 'one', deploymentId: 'd' }, manifest(10), 2 * HOUR);
    await kept.keepStatistics({ id: 'two', deploymentId: 'd' }, manifest(5), 3 * HOUR);
    await kept.keepStatistics({ id: 'other', deploymentId: 'd' }, manifest(7, 'b2'), 3 * HOUR);
    for (const id of ['one', 'two', 'other']) await jobs.update(id, () => ({ status: 'COMPLETED' }));
    expect(mergedStatistics(await kept.statistics(all, 'b1'))).toMatchObject({ rows: 15 });
    expect(mergedStatistics(await kept.statistics({ ...all, from: 2 * HOUR }, 'b1'))).toMatchObject({ rows: 5 });
    // Counts by other bins are never added.
    expect(mergedStatistics(await kept.statistics(all, 'b2'))).toMatchObject({ rows: 7 });
    expect(await kept.statistics({ ...all, deployment: 'e' }, 'b1')).toEqual([]);
    await jobs.update('two', () => ({ status: 'ABORTED' }));
    expect(mergedStatistics(await kept.statistics(all, 'b1'))).toMatchObject({ rows: 10 });
    await kept.forget(2 * HOUR);
    expect(await kept.statistics(all, 'b1')).toEqual([]);
  });

  test('requests are counted by the hour and the attempt, however often they are written', async () => {
    await using jobs = await JobStore.open(storeAddress(stores[name](), folder), null);
    const kept = await MonitoringStore.open(jobs.session);
    await jobs.insert(record('counted'));
    const request = { latencyMs: 100, executionMs: null, rows: 3, status: 200 };
    const first = new ServiceRecorder({ id: 'counted', deploymentId: 'd', attempt: 1 });
    first.record(request, 10 * HOUR);
    await first.keep(kept, null);
    first.record({ ...request, status: 503 }, 10 * HOUR + 61_000);
    first.record(request, 11 * HOUR);
    await first.keep(kept, 'm');
    await first.keep(kept, 'm');
    const second = new ServiceRecorder({ id: 'counted', deploymentId: 'd', attempt: 2 });
    second.record(request, 11 * HOUR);
    await second.keep(kept, 'm');
    const hours = await kept.hours(all);
    expect(hours.map(({ hour, requests }) => [hour, requests.requests, requests.predictions])).toEqual([
      [10, 2, 3],
      [11, 1, 3],
      [11, 1, 3],
    ]);
    expect(hours[0]!.requests).toMatchObject({
      serverErrors: 1,
      minutes: [
        [0, 1],
        [1, 1],
      ],
    });
    expect(await kept.hours({ ...all, from: 11 * HOUR })).toHaveLength(2);
    expect(await kept.hours({ ...all, model: 'other' })).toEqual([]);
  });

  test('settings are those of the last change', async () => {
    await using jobs = await JobStore.open(storeAddress(stores[name](), folder), null);
    const kept = await MonitoringStore.open(jobs.session);
    expect(await kept.settings('d')).toEqual({ featureDrift: true, targetDrift: true });
    await kept.changeSettings('d', { featureDrift: false });
    await kept.changeSettings('d', { targetDrift: false });
    expect(await kept.settings('d')).toEqual({ featureDrift: false, targetDrift: false });
    await kept.changeSettings('d', { featureDrift: true });
    expect(await kept.settings('d')).toEqual({ featureDrift: true, targetDrift: false });
    expect(await kept.settings('e')).toEqual({ featureDrift: true, targetDrift: true });
  });
});
