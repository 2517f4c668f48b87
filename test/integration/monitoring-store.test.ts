import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findSluiceError } from '../../src/core/error.ts';
import { freshLedger, type Manifest } from '../../src/core/ledger.ts';
import { NO_VALUES, type Statistics } from '../../src/core/statistics.ts';
import { BatchStore, type MonitoringBatch } from '../../src/jobs/monitoring/kept/batch-store.ts';
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

function record(id: string, monitoringBatchId: string | null = null): JobRecord {
  return newRecord({
    id,
    owner: { userId: `user of ${id}`, username: 'anna', fullName: 'anna' },
    ...checkBody({ deploymentId: 'd' }),
    server: 'http://127.0.0.1:1',
    model: null,
    monitoringBatchId,
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
  const all = { deployment: 'd', model: null, batches: null, from: 0, to: 1_000 * HOUR };

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

  test('batches are as many a day as may be, whoever makes them at once, each name and each job once', async () => {
    await using jobs = await JobStore.open(storeAddress(stores[name](), folder), null);
    await using other = name === 'SQLite' ? null : await JobStore.open(storeAddress(stores[name](), folder), null);
    const one = await BatchStore.open(jobs.session);
    const two = other === null ? one : await BatchStore.open(other.session);
    const batch = (id: number, fields: Partial<MonitoringBatch> = {}): MonitoringBatch => ({
      id: id.toString(16).padStart(24, '0'),
      deploymentId: 'daily',
      name: `batch ${id}`,
      created: 50 * HOUR,
      createdBy: { userId: 'u', username: 'anna', fullName: 'Anna' },
      jobId: null,
      ...fields,
    });
    const codes = async (made: readonly Promise<unknown>[]): Promise<readonly unknown[]> => {
      const settled = await Promise.allSettled(made);
      return settled.flatMap((one) => (one.status === 'rejected' ? [findSluiceError(one.reason)?.code] : []));
    };
    const many = Array.from({ length: 20 }, (_, id) => (id % 2 === 0 ? one : two).insert(batch(id), 7));
    expect(await codes(many)).toEqual(Array.from({ length: 13 }, () => 'JOB_LIMIT'));
    expect(await codes([one.insert(batch(30, { deploymentId: 'another' }), 7)])).toEqual([]);
    expect(await codes([one.insert(batch(31, { created: 72 * HOUR }), 7)])).toEqual([]);
    const alike = [40, 41, 42, 43].map((id) =>
      (id % 2 === 0 ? one : two).insert(batch(id, { name: 'alike', deploymentId: 'e' }), 7),
    );
    expect(await codes(alike)).toEqual(['CONFIG_INVALID', 'CONFIG_INVALID', 'CONFIG_INVALID']);
    // Whoever finishes the making of a job finds its batch, which counts once.
    const ofJob = { name: 'prefix j', jobId: 'j', deploymentId: 'f' };
    const first = await one.insert(batch(50, ofJob), 1);
    expect(await two.insert(batch(51, ofJob), 1)).toMatchObject({ id: first.id, jobId: 'j' });
    expect(await codes([two.insert(batch(52, { ...ofJob, jobId: 'k' }), 1)])).toEqual(['CONFIG_INVALID']);
    const filter = { deploymentId: 'daily', offset: 0, limit: 100, owner: null, orderBy: 'createdAt' } as const;
    expect((await two.list(filter)).total).toBe(8);
    expect((await two.list({ ...filter, owner: 'v' })).total).toBe(0);
    expect(await one.find('e', [first.id])).toEqual([]);
    expect(await one.find('f', [first.id])).toMatchObject([{ createdBy: first.createdBy, started: null }]);
  });

  test('batches have the statistics and requests of their jobs, as long as something is kept of them', async () => {
    await using jobs = await JobStore.open(storeAddress(stores[name](), folder), null);
    const kept = await MonitoringStore.open(jobs.session);
    const batches = await BatchStore.open(jobs.session);
    const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(24));
    for (const id of ids)
      await batches.insert(
        {
          id,
          deploymentId: 'g',
          name: id,
          created: HOUR,
          createdBy: { userId: 'u', username: 'anna', fullName: 'Anna' },
          jobId: null,
        },
        7,
      );
    const [first, second] = ids as [string, string];
    const rows = { 'in one': 10, 'in one, too': 20, 'in another': 40, 'in none': 80 };
    for (const [at, [id, count]] of Object.entries(rows).entries()) {
      await jobs.insert(record(id, [first, first, second, null][at]));
      await kept.keepStatistics({ id, deploymentId: 'g' }, manifest(count), 2 * HOUR);
      const recorder = new ServiceRecorder({ id, deploymentId: 'g', attempt: 1 });
      recorder.record({ latencyMs: 1, executionMs: null, rows: count, status: 200 }, 2 * HOUR);
      await recorder.keep(kept, null);
      await jobs.update(id, () => ({ status: 'COMPLETED', startedAt: HOUR + at, endedAt: (2 + at) * HOUR }));
    }
    const of = async (...wanted: readonly string[]): Promise<readonly [number | undefined, number]> => {
      const query = { ...all, deployment: 'g', batches: wanted };
      const hours = await kept.hours(query);
      return [
        mergedStatistics(await kept.statistics(query, 'b1'))?.rows,
        hours.reduce((sum, { requests }) => sum + requests.predictions, 0),
      ];
    };
    expect(await of(first)).toEqual([30, 30]);
    expect(await of(second)).toEqual([40, 40]);
    expect(await of(...ids)).toEqual([70, 70]);
    expect(await of(ids[2]!)).toEqual([undefined, 0]);
    expect((await batches.jobsOf(ids)).toSorted()).toEqual(['in another', 'in one', 'in one, too']);
    expect(await batches.find('g', [first])).toMatchObject([{ started: HOUR, ended: 3 * HOUR }]);
    // The last job of the second batch ended at 4 h.
    await batches.forget(4 * HOUR);
    expect((await batches.find('g', ids)).map(({ id }) => id)).toEqual([second]);
    expect(await batches.jobsOf([first])).toHaveLength(2);
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
