import { randomUUID } from 'node:crypto';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { JobEvent } from '../../../src/jobs/queue/job-events.ts';
import type { ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { type Behaviour, PredictionServer } from '../../support/prediction-server.ts';

const CSV = `id\n${Array.from({ length: 50 }, (_, i) => `${i}\n`).join('')}`;
const RESULT = `y_PREDICTION\n${Array.from({ length: 50 }, (_, i) => `${2 * i}\n`).join('')}`;

/** A prediction server whose replies wait until the gate is opened. */
async function gated(): Promise<PredictionServer & { open(): void }> {
  const gate = Promise.withResolvers<void>();
  const respond = (): Behaviour => ({ after: gate.promise });
  return Object.assign(await PredictionServer.start({ respond }), { open: () => gate.resolve() });
}

async function uploaded(api: ApiServer, body: object): Promise<ShownJob> {
  const job = await api.create(body);
  expect((await api.upload(job.id, CSV)).status).toBe(202);
  return job;
}

describe('F30: the queue', () => {
  test('lets one job at once at a prediction server, in order, and those of another one beside it', async () => {
    await using slow = await gated();
    await using quick = await PredictionServer.start();
    await using api = await startApi({ deployments: { slow: slow.url, same: slow.url, quick: quick.url } });
    const first = await uploaded(api, { deploymentId: 'slow' });
    await api.until(first.id, ({ status }) => status === 'RUNNING');
    const second = await uploaded(api, { deploymentId: 'same' });
    const third = await uploaded(api, { deploymentId: 'slow' });
    const other = await uploaded(api, { deploymentId: 'quick' });
    expect((await api.ended(other.id)).status).toBe('COMPLETED');
    expect(await api.job(first.id)).toMatchObject({ status: 'RUNNING', queuePosition: null, queued: false });
    expect(await api.job(second.id)).toMatchObject({ status: 'INITIALIZING', queuePosition: 1, queued: true });
    expect(await api.job(third.id)).toMatchObject({ status: 'INITIALIZING', queuePosition: 2, queued: true });
    const listed = (await (await api.request('/batchPredictions/?status=INITIALIZING')).json()) as { data: ShownJob[] };
    expect(listed.data.map(({ queuePosition }) => queuePosition)).toEqual([2, 1]);
    slow.open();
    for (const { id } of [first, second, third]) {
      expect((await api.ended(id)).status).toBe('COMPLETED');
      expect(await api.result(id)).toBe(RESULT);
    }
  });

  test('starts the next job at once when one ends', async () => {
    await using server = await gated();
    await using api = await startApi({ deployments: { d: server.url } });
    const first = await uploaded(api, { deploymentId: 'd' });
    const second = await uploaded(api, { deploymentId: 'd' });
    server.open();
    await api.ended(first.id);
    const ended = performance.now();
    await api.until(second.id, ({ status }) => status !== 'INITIALIZING');
    expect(performance.now() - ended).toBeLessThan(1_000);
  });

  test('goes by priority, then by time', async () => {
    await using server = await gated();
    await using api = await startApi({ deployments: { d: server.url } });
    const order: string[] = [];
    api.server.service.watch(({ record }: JobEvent) => {
      if (record.status === 'RUNNING' && !order.includes(record.id)) order.push(record.id);
    });
    const running = await uploaded(api, { deploymentId: 'd' });
    await api.until(running.id, ({ status }) => status === 'RUNNING');
    const low = await uploaded(api, { deploymentId: 'd', priority: -5 });
    const usual = await uploaded(api, { deploymentId: 'd' });
    const high = await uploaded(api, { deploymentId: 'd', priority: 5 });
    const later = await uploaded(api, { deploymentId: 'd' });
    expect((await api.job(high.id)).queuePosition).toBe(1);
    expect((await api.job(low.id)).queuePosition).toBe(4);
    server.open();
    for (const { id } of [low, usual, high, later]) await api.ended(id);
    const started = async (id: string): Promise<string> => (await api.job(id)).logs[1]!.slice(-26);
    const starts = await Promise.all([high, usual, later, low].map(({ id }) => started(id)));
    expect(starts).toEqual(starts.toSorted());
  });

  test('lets several at once where the setting says so', async () => {
    await using server = await gated();
    await using api = await startApi({ deployments: { d: server.url }, server: { jobsPerServer: 2 } });
    const jobs = [
      await uploaded(api, { deploymentId: 'd' }),
      await uploaded(api, { deploymentId: 'd' }),
      await uploaded(api, { deploymentId: 'd' }),
    ];
    for (const { id } of jobs.slice(0, 2)) await api.until(id, ({ status }) => status === 'RUNNING');
    expect((await api.job(jobs[2]!.id)).queuePosition).toBe(2);
    server.open();
    for (const { id } of jobs) expect((await api.ended(id)).status).toBe('COMPLETED');
  });

  test('of waiting jobs survives a restart, and a job that ran is continued', async () => {
    await using server = await gated();
    const settings = { deployments: { d: server.url }, server: { drainSeconds: 0.2 } };
    await using before = await startApi(settings);
    const { state } = before;
    const first = await uploaded(before, { deploymentId: 'd' });
    await before.until(first.id, ({ status }) => status === 'RUNNING');
    const second = await uploaded(before, { deploymentId: 'd' });
    await before.server.close();
    await using after = await startApi({ deployments: { d: server.url }, state });
    await after.until(first.id, ({ status }) => status === 'RUNNING');
    expect(await after.job(second.id)).toMatchObject({ status: 'INITIALIZING', queuePosition: 1 });
    server.open();
    for (const { id } of [first, second]) {
      expect((await after.ended(id)).status).toBe('COMPLETED');
      expect(await after.result(id)).toBe(RESULT);
    }
  });

  test('of a server whose machine was lost goes on, though its lock is still there', async () => {
    await using server = await gated();
    const settings = { deployments: { d: server.url }, server: { drainSeconds: 0.2 } };
    await using before = await startApi(settings);
    const { state } = before;
    const { id } = await uploaded(before, { deploymentId: 'd' });
    await before.until(id, ({ status }) => status === 'RUNNING');
    await before.server.close();
    const holder = { pid: 1, host: 'another-machine', started: null, boot: null, nonce: randomUUID() };
    symlinkSync(JSON.stringify(holder), join(state, 'jobs', id, 'result.csv.lock'));
    server.open();
    await using after = await startApi({ deployments: { d: server.url }, state });
    expect((await after.ended(id)).status).toBe('COMPLETED');
    expect(await after.result(id)).toBe(RESULT);
  });

  test('has one server only on one state folder without a database', async () => {
    await using api = await startApi({ deployments: { d: 'http://127.0.0.1:1' } });
    await expect(startApi({ deployments: { d: 'http://127.0.0.1:1' }, state: api.state })).rejects.toThrow(
      /Another sluice serve/,
    );
  });
});

test('F31: there are never more requests at once than numConcurrent', async () => {
  await using server = await PredictionServer.start({ respond: () => ({ after: wait(5) }) });
  await using api = await startApi({ deployments: { d: server.url } });
  const rows = Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join('');
  const { id } = await api.create({ deploymentId: 'd', numConcurrent: 3, limiter: 'fixed', chunkRows: 100 });
  await api.upload(id, `id\n${rows}`);
  expect((await api.ended(id)).status).toBe('COMPLETED');
  expect(server.maxInFlight).toBeLessThanOrEqual(3);
  expect(server.maxInFlight).toBeGreaterThan(1);
});

test('F35: a job that works for longer than the limit is aborted, with the reason, and the next one runs', async () => {
  await using server = await gated();
  await using api = await startApi({
    deployments: { d: server.url },
    server: { runtimeLimitHours: 1.5 / 3600 },
  });
  const first = await uploaded(api, { deploymentId: 'd' });
  const job = await api.ended(first.id);
  expect(job).toMatchObject({ status: 'ABORTED', statusDetails: expect.stringMatching(/runtimeLimitHours/) });
  server.open();
  const second = await uploaded(api, { deploymentId: 'd' });
  expect((await api.ended(second.id)).status).toBe('COMPLETED');
});

test('F58: fromExisting makes a new job of the same settings, with its Location', async () => {
  await using server = await PredictionServer.start();
  await using api = await startApi({ deployments: { d: server.url } });
  const first = await uploaded(api, { deploymentId: 'd', includePredictionStatus: true });
  await api.ended(first.id);
  const reply = await api.post('/batchPredictions/fromExisting/', { predictionJobId: first.id });
  expect(reply.status).toBe(202);
  const again = (await reply.json()) as ShownJob;
  expect(again.id).not.toBe(first.id);
  expect(reply.headers.get('location')).toBe(`${api.base}/batchPredictions/${again.id}/`);
  expect(again.jobSpec).toEqual(first.jobSpec);
  await api.upload(again.id, CSV);
  await api.ended(again.id);
  expect(await api.result(again.id)).toBe(await api.result(first.id));
  expect((await api.post('/batchPredictions/fromExisting/', { predictionJobId: '0'.repeat(24) })).status).toBe(404);
  expect((await api.post('/batchPredictions/fromExisting/', {})).status).toBe(422);
});

describe('F44, F45: bad rows', () => {
  const reject = (fields: readonly string[]): string | null => (Number(fields[0]) % 3 === 0 ? 'divisible' : null);

  test('abort the job when they are too many, and the counts and the reason say so', async () => {
    await using server = await PredictionServer.start({ reject });
    await using api = await startApi({ deployments: { d: server.url } });
    const { id } = await uploaded(api, { deploymentId: 'd' });
    const job = await api.ended(id);
    expect(job).toMatchObject({ status: 'ABORTED', scoredRows: 33, failedRows: 17, skippedRows: 0 });
    expect(job.statusDetails).toMatch(/17 of 50.*divisible/s);
    expect((await api.upload(id, CSV)).status).toBe(422);
    expect((await api.request(`/batchPredictions/${id}/download/`)).status).toBe(422);
  });

  test('do not where abortOnError is false; scored, failed and skipped rows are those of the intake, sizes are bytes', async () => {
    await using server = await PredictionServer.start({ reject });
    await using api = await startApi({ deployments: { d: server.url } });
    const csvSettings = { raggedRows: 'skip' };
    const { id } = await api.create({
      deploymentId: 'd',
      abortOnError: false,
      csvSettings,
      includePredictionStatus: true,
    });
    const csv = `${CSV}1,2,3\n`;
    await api.upload(id, csv);
    const job = await api.ended(id);
    expect(job).toMatchObject({ status: 'COMPLETED', scoredRows: 33, failedRows: 17, skippedRows: 1 });
    const result = await api.result(id);
    expect(job.jobIntakeSize).toBe(csv.length);
    expect(job.jobOutputSize).toBe(result.length);
    expect(result.split('\n').filter((line) => line.includes('divisible'))).toHaveLength(17);
    expect(job.percentageCompleted).toBe(100);
  });

  test('are borne up to the share that the body allows', async () => {
    await using server = await PredictionServer.start({ reject });
    await using api = await startApi({ deployments: { d: server.url } });
    const { id } = await uploaded(api, { deploymentId: 'd', deadLetters: { maxShare: 0.5 } });
    expect(await api.ended(id)).toMatchObject({ status: 'COMPLETED', failedRows: 17 });
  });
});

test('F41, F60: every failure ends as ABORTED with its reason, and nothing of the machine in it', async () => {
  await using server = await PredictionServer.start();
  await using api = await startApi({ deployments: { d: server.url, away: 'http://127.0.0.1:1' } });
  const failures: [object, RegExp][] = [
    [{ deploymentId: 'd', passthroughColumns: ['nothing'] }, /nothing/],
    [{ deploymentId: 'd', columnNamesRemapping: { y_PREDICTION: 'id' }, passthroughColumns: ['id'] }, /id/],
    [{ deploymentId: 'away', retry: { connectSeconds: 0 } }, /127\.0\.0\.1:1/],
  ];
  for (const [body, reason] of failures) {
    const { id } = await api.create(body);
    // The upload may be refused already, as the job ends at its first bytes.
    expect([202, 422]).toContain((await api.upload(id, CSV)).status);
    const job = await api.ended(id);
    expect(job.status).toBe('ABORTED');
    expect(job.statusDetails).toMatch(reason);
    expect(job.statusDetails).not.toContain(api.state);
  }
});

test('F63: all rows are from the model that the deployment had when the job was made', async () => {
  const asked: string[] = [];
  await using server = await PredictionServer.start({
    info: { deploymentId: 'd', target: 'y', model: { id: 'model-1' }, modelId: 'model-1' },
    modelId: 'model-1',
    respond: (request) => {
      asked.push(String(request.headers['x-sluice-model-id']));
      return undefined;
    },
  });
  await using api = await startApi({ deployments: { d: server.url } });
  const job = await api.create({ deploymentId: 'd' });
  server.options = { ...server.options, modelId: 'model-2' };
  await api.upload(job.id, CSV);
  const ended = await api.ended(job.id);
  expect(job['modelId']).toBe('model-1');
  expect(ended).toMatchObject({ status: 'ABORTED', statusDetails: expect.stringMatching(/model-2.*model-1/i) });
});

test('F70: progress is in the record while the job goes on, and told to those who watch, not too often', async () => {
  let sent = 0;
  const gate = Promise.withResolvers<void>();
  await using server = await PredictionServer.start({
    respond: () => ((sent += 1) > 5 ? { after: gate.promise } : undefined),
  });
  await using api = await startApi({ deployments: { d: server.url } });
  const events: JobEvent[] = [];
  const leave = api.server.service.watch((event) => events.push(event));
  const rows = Array.from({ length: 2_000 }, (_, i) => `${i}\n`).join('');
  const { id } = await api.create({ deploymentId: 'd', chunkRows: 100, numConcurrent: 1 });
  await api.upload(id, `id\n${rows}`);
  const begun = performance.now();
  const job = await api.until(id, ({ scoredRows }) => scoredRows > 0);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(job).toMatchObject({ status: 'RUNNING' });
  expect(job.jobIntakeSize).toBeGreaterThan(0);
  gate.resolve();
  expect((await api.ended(id)).scoredRows).toBe(2_000);
  await expect.poll(() => events.at(-1)?.record.status).toBe('COMPLETED');
  leave();
  expect(events.some(({ progress }) => (progress?.tally.scored ?? 0) > 0)).toBe(true);
  expect(events.length).toBeLessThan(5 + (performance.now() - begun) / 200);
});
