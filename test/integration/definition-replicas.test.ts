import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DefinitionRecord } from '../../src/jobs/definitions/definition-record.ts';
import { DefinitionStore } from '../../src/jobs/definitions/definition-store.ts';
import type { ShownJob } from '../support/api-client.ts';
import { type ApiServer, startApi } from '../support/api-server.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { type PostgresDatabase, postgresDatabase } from '../support/services/postgres.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';

const HOURLY = { minute: [0], hour: ['*'], month: ['*'], dayOfMonth: ['*'], dayOfWeek: ['*'] };
let database: PostgresDatabase;
let prediction: PredictionServer;
let state: string;

beforeAll(async () => {
  database = await postgresDatabase();
  prediction = await PredictionServer.start();
  state = mkdtempSync(join(tmpdir(), 'sluice-replicas-'));
  const rows = new DatabaseSync(join(state, 'rows.db'));
  rows.exec('CREATE TABLE flights (id INTEGER PRIMARY KEY); INSERT INTO flights VALUES (1)');
  rows.close();
});

afterAll(async () => {
  await prediction.close();
  await database[Symbol.asyncDispose]();
  rmSync(state, { recursive: true });
});

function replica(clock: ShiftedClock): Promise<ApiServer> {
  const { user, password, host, port, database: name } = database;
  return startApi({
    deployments: { flights: prediction.url },
    configuration: { dataStores: { rows: { jdbcUrl: `jdbc:sqlite:${join(state, 'rows.db')}` } } },
    server: { store: `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}` },
    state,
    clock,
  });
}

async function define(api: ApiServer, name: string): Promise<string> {
  const reply = await api.post('/batchPredictionJobDefinitions/', {
    name,
    deploymentId: 'flights',
    intakeSettings: { type: 'jdbc', dataStoreId: 'rows', table: 'flights' },
    enabled: true,
    schedule: HOURLY,
  });
  expect(reply.status, await reply.clone().text()).toBe(200);
  return ((await reply.json()) as { id: string }).id;
}

async function jobsOf(api: ApiServer, id: string): Promise<readonly ShownJob[]> {
  const reply = await api.request(`/batchPredictions/?batchPredictionJobDefinitionId=${id}&orderBy=created`);
  return ((await reply.json()) as { data: ShownJob[] }).data;
}

describe('several servers on one PostgreSQL', () => {
  test('trigger each run of a schedule once', async () => {
    const clock = new ShiftedClock('2026-03-01T00:30:00.000Z');
    await using first = await replica(clock);
    await using second = await replica(clock);
    const ids = await Promise.all(Array.from({ length: 5 }, (_, i) => define(first, `shared ${i}`)));
    for (let hour = 1; hour <= 3; hour += 1) {
      clock.set(`2026-03-01T0${hour}:00:01.000Z`);
      const looks = [first, second, first, second].map((api) => api.server.definitions.lookNow());
      await Promise.all(looks);
      for (const id of ids) {
        const jobs = await jobsOf(second, id);
        expect(jobs).toHaveLength(hour);
        expect((await second.ended(jobs.at(-1)!.id)).status).toBe('COMPLETED');
      }
    }
    for (const id of ids) await first.request(`/batchPredictionJobDefinitions/${id}/`, { method: 'DELETE' });
  });

  test('finish a run that one of them had begun when it was killed, once', async () => {
    const clock = new ShiftedClock('2026-03-02T00:30:00.000Z');
    await using first = await replica(clock);
    await using second = await replica(clock);
    const id = await define(first, 'half begun');
    const store = await DefinitionStore.open(first.server.service.store);
    const record = (await store.get(id))!;
    const jobId = '69a4000000000000000000ff';
    const times = { lastCompleted: null, lastScheduled: null, nextScheduled: null };
    const run = { jobId, isScheduled: true, at: clock.wall(), times, address: 'its schedule', isMade: false };
    const begun: DefinitionRecord | null = await store.change(record, { run });
    expect(begun).not.toBeNull();
    await second.server.definitions.lookNow();
    expect(await jobsOf(second, id)).toHaveLength(0);
    clock.set('2026-03-02T00:30:45.000Z');
    await Promise.all([first, second].map((api) => api.server.definitions.lookNow()));
    const jobs = await jobsOf(first, id);
    expect(jobs.map((job) => job.id)).toEqual([jobId]);
    expect((await first.ended(jobId)).status).toBe('COMPLETED');
    const shown = await (await second.request(`/batchPredictionJobDefinitions/${id}/`)).json();
    expect(shown).toMatchObject({ lastSuccessfulRunTime: expect.stringMatching(/^2026-03-02T00:30:0/) });
  });

  test('give a name to one definition only, however many ask at once', async () => {
    const clock = new ShiftedClock('2026-03-03T00:30:00.000Z');
    await using first = await replica(clock);
    await using second = await replica(clock);
    const body = { name: 'wanted', deploymentId: 'flights' };
    const replies = await Promise.all(
      [first, second, first, second].map((api) => api.post('/batchPredictionJobDefinitions/', body)),
    );
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422, 422, 422]);
    const ids = await Promise.all(Array.from({ length: 6 }, (_, i) => define(first, `before ${i}`)));
    const renamed = await Promise.all(
      ids.map((id, i) =>
        [first, second][i % 2]!.request(`/batchPredictionJobDefinitions/${id}`, {
          method: 'PATCH',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ name: 'after' }),
        }),
      ),
    );
    expect(renamed.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 422, 422, 422, 422, 422]);
  });
});
