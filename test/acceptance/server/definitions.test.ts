import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { PredictionServer, type PredictionServerOptions } from '../../support/prediction-server.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';

/** A definition as the API shows it. */
interface ShownDefinition {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly schedule: object | null;
  readonly batchPredictionJob: Readonly<Record<string, unknown>>;
  readonly nextScheduledRunTime: string | null;
  readonly lastScheduledRunTime: string | null;
  readonly lastSuccessfulRunTime: string | null;
  readonly lastFailedRunTime: string | null;
  readonly lastStartedJobStatus: string | null;
  readonly [field: string]: unknown;
}

const PATH = '/batchPredictionJobDefinitions/';
const HOURLY = { minute: [0], hour: ['*'], month: ['*'], dayOfMonth: ['*'], dayOfWeek: ['*'] };
let folder: string;
let database: DatabaseSync;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-definitions-'));
  database = new DatabaseSync(join(folder, 'rows.db'));
  database.exec(
    "CREATE TABLE flights (id INTEGER PRIMARY KEY, updated TEXT); INSERT INTO flights VALUES (1, '2026-01-01T00:00:00')",
  );
});

afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(prediction: PredictionServer, clock?: ShiftedClock, server: object = {}): Promise<ApiServer> {
  return startApi({
    deployments: { flights: prediction.url },
    configuration: {
      dataStores: {
        rows: { jdbcUrl: `jdbc:sqlite:${join(folder, 'rows.db')}` },
        results: { jdbcUrl: `jdbc:sqlite:${join(folder, 'results.db')}?create=true` },
      },
    },
    server,
    ...(clock === undefined ? {} : { clock }),
  });
}

const FROM_TABLE = {
  deploymentId: 'flights',
  intakeSettings: { type: 'jdbc', dataStoreId: 'rows', query: 'SELECT id FROM flights ORDER BY id' },
};

async function define(api: ApiServer, body: object): Promise<ShownDefinition> {
  const reply = await api.post(PATH, body);
  expect(reply.status, await reply.clone().text()).toBe(200);
  return (await reply.json()) as ShownDefinition;
}

async function shown(api: ApiServer, id: string): Promise<ShownDefinition> {
  return (await (await api.request(`${PATH}${id}/`)).json()) as ShownDefinition;
}

function patch(api: ApiServer, id: string, body: object): Promise<Response> {
  // As the clients do: without a slash at the end.
  return api.request(`${PATH}${id}`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function runOnce(api: ApiServer, id: string): Promise<ShownJob> {
  const reply = await api.post('/batchPredictions/fromJobDefinition/', { jobDefinitionId: id });
  expect(reply.status, await reply.clone().text()).toBe(202);
  const job = (await reply.json()) as ShownJob;
  expect(reply.headers.get('location')).toBe(`${api.base}/batchPredictions/${job.id}/`);
  return job;
}

/** Jobs of a definition, the oldest first. */
async function jobsOf(api: ApiServer, id: string): Promise<readonly ShownJob[]> {
  const reply = await api.request(`/batchPredictions/?batchPredictionJobDefinitionId=${id}&orderBy=created`);
  return ((await reply.json()) as { data: ShownJob[] }).data;
}

async function message(reply: Response): Promise<string> {
  return ((await reply.json()) as { message: string }).message;
}

describe('F55: definitions', () => {
  test('are made, listed, looked at, changed and removed', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const made = await define(api, { ...FROM_TABLE, name: 'nightly', enabled: false, numConcurrent: 2 });
    expect(made).toMatchObject({
      name: 'nightly',
      enabled: false,
      schedule: null,
      createdBy: { username: 'sluice' },
      lastStartedJobStatus: null,
      batchPredictionJob: { deploymentId: 'flights', numConcurrent: 2, abortOnError: true },
    });
    expect(await shown(api, made.id)).toEqual(made);
    const other = await define(api, { ...FROM_TABLE, name: 'weekly 100%' });
    const list = async (query: string): Promise<string[]> => {
      const page = (await (await api.request(`${PATH}${query}`)).json()) as { data: ShownDefinition[] };
      return page.data.map(({ name }) => name);
    };
    expect(await list('')).toEqual(['nightly', 'weekly 100%']);
    expect(await list('?searchName=NIGHT')).toEqual(['nightly']);
    expect(await list('?searchName=100%25')).toEqual(['weekly 100%']);
    expect(await list('?searchName=_')).toEqual([]);
    expect(await list('?deploymentId=flights&limit=1&offset=1')).toEqual(['weekly 100%']);
    expect(await list('?searchName=&deploymentId=&offset=0&limit=5')).toHaveLength(2);
    expect(await list('?deploymentId=none')).toEqual([]);
    const changed = await patch(api, made.id, { schedule: HOURLY, enabled: true, maxExplanations: 3 });
    expect(changed.status).toBe(200);
    expect(await changed.json()).toMatchObject({
      enabled: true,
      schedule: HOURLY,
      batchPredictionJob: { maxExplanations: 3, numConcurrent: 2 },
    });
    expect((await api.request(`${PATH}${other.id}/`, { method: 'DELETE' })).status).toBe(204);
    expect((await api.request(`${PATH}${other.id}/`)).status).toBe(404);
    expect(await list('')).toEqual(['nightly']);
  });

  test('have names of which there is one each; one is made up where none is given; a removed one is free', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const first = await define(api, { ...FROM_TABLE, name: 'same' });
    const twice = await api.post(PATH, { ...FROM_TABLE, name: 'same' });
    expect(twice.status).toBe(422);
    expect(await message(twice)).toContain('there is a definition "same" already');
    const [a, b] = [await define(api, FROM_TABLE), await define(api, FROM_TABLE)];
    expect(a.name).not.toBe('');
    expect(a.name).not.toBe(b.name);
    expect((await patch(api, a.id, { name: 'same' })).status).toBe(422);
    await api.request(`${PATH}${first.id}/`, { method: 'DELETE' });
    expect((await patch(api, a.id, { name: 'same' })).status).toBe(200);
  });

  test('are refused with what is wrong', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const refused = async (body: object): Promise<string> => {
      const reply = await api.post(PATH, body);
      expect(reply.status).toBe(422);
      return await message(reply);
    };
    expect(await refused({ ...FROM_TABLE, enabled: true })).toContain('enabled: needs a schedule');
    expect(await refused({ ...FROM_TABLE, enabled: true, schedule: {} })).toContain('enabled: needs a schedule');
    expect(await refused({ deploymentId: 'flights', enabled: true, schedule: HOURLY })).toContain('nobody uploads');
    expect(await refused({ ...FROM_TABLE, schedule: { ...HOURLY, hour: [24] } })).toContain('schedule.hour[0]');
    expect(await refused({ ...FROM_TABLE, schedule: { ...HOURLY, month: [2], dayOfMonth: [30] } })).toContain(
      'no date',
    );
    expect(await refused({ ...FROM_TABLE, shedule: HOURLY })).toContain('schedule');
    expect(await refused({ ...FROM_TABLE, deploymentId: 'fligths' })).toContain('flights');
    expect(
      await refused({ ...FROM_TABLE, intakeSettings: { ...FROM_TABLE.intakeSettings, query: 'SELECT {{ x }}' } }),
    ).toContain('template variable {{ x }}');
  });

  test('take the forms in which clients write a schedule, and never answer with an empty one', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    expect((await define(api, { ...FROM_TABLE, enabled: false, schedule: {} })).schedule).toBeNull();
    expect((await define(api, { ...FROM_TABLE, enabled: true, schedule: [HOURLY] })).schedule).toEqual(HOURLY);
  });

  test('of others are not there', async () => {
    await using prediction = await PredictionServer.start();
    const tokens = [
      { token: 'token-of-anna', user: 'anna' },
      { token: 'token-of-bert', user: 'bert' },
      { token: 'token-of-root', user: 'root', role: 'admin' },
      { token: 'token-of-carl', user: 'anna', role: 'read' },
    ];
    await using api = await start(prediction, undefined, { tokens });
    const as = (user: string, path: string, init: RequestInit = {}): Promise<Response> =>
      api.request(path, {
        ...init,
        headers: { authorization: `Bearer token-of-${user}`, 'content-type': 'application/json' },
      });
    const body = JSON.stringify({ ...FROM_TABLE, name: 'of anna' });
    const { id } = (await (await as('anna', PATH, { method: 'POST', body })).json()) as ShownDefinition;
    const run = { method: 'POST', body: JSON.stringify({ jobDefinitionId: id }) };
    expect((await as('bert', `${PATH}${id}/`)).status).toBe(404);
    expect((await as('bert', `${PATH}${id}/`, { method: 'DELETE' })).status).toBe(404);
    expect((await as('bert', `${PATH}${id}`, { method: 'PATCH', body: '{}' })).status).toBe(404);
    expect((await as('bert', '/batchPredictions/fromJobDefinition/', run)).status).toBe(404);
    expect(await (await as('bert', PATH)).json()).toMatchObject({ totalCount: 0 });
    expect((await as('carl', `${PATH}${id}/`)).status).toBe(200);
    expect((await as('carl', '/batchPredictions/fromJobDefinition/', run)).status).toBe(403);
    expect((await as('root', `${PATH}${id}/`)).status).toBe(200);
    const job = (await (await as('root', '/batchPredictions/fromJobDefinition/', run)).json()) as ShownJob;
    expect(job['createdBy']).toMatchObject({ username: 'anna' });
  });
});

describe('F58: a run by hand', () => {
  test('is a new job with the settings of the definition', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const { id } = await define(api, { ...FROM_TABLE, name: 'once' });
    const job = await runOnce(api, id);
    expect(job).toMatchObject({ source: 'Manual Run', batchPredictionJobDefinition: { id, name: 'once' } });
    expect((await api.ended(job.id)).status).toBe('COMPLETED');
    expect(await api.result(job.id)).toBe('y_PREDICTION\n2\n');
    const after = await shown(api, id);
    expect(after.lastStartedJobStatus).toBe('COMPLETED');
    expect(after.lastSuccessfulRunTime).not.toBeNull();
    const again = await api.post('/batchPredictions/fromExisting/', { predictionJobId: job.id });
    expect(again.status).toBe(202);
  });

  test('of a definition that does not exist is 404, one that cannot be made 422', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const unknown = { jobDefinitionId: '0123456789abcdef01234567' };
    expect((await api.post('/batchPredictions/fromJobDefinition/', unknown)).status).toBe(404);
    const query = "SELECT id FROM flights WHERE updated > '{{ next_scheduled_run_time }}'";
    const scheduled = await define(api, {
      ...FROM_TABLE,
      intakeSettings: { ...FROM_TABLE.intakeSettings, query },
      schedule: HOURLY,
    });
    const reply = await api.post('/batchPredictions/fromJobDefinition/', { jobDefinitionId: scheduled.id });
    expect(reply.status).toBe(422);
    expect(await message(reply)).toContain('is not scheduled');
  });

  test('of a definition with an upload waits for it', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction);
    const { id } = await define(api, { deploymentId: 'flights' });
    const job = await runOnce(api, id);
    expect((await api.upload(job.id, 'id\n4\n')).status).toBe(202);
    await api.ended(job.id);
    expect(await api.result(job.id)).toBe('y_PREDICTION\n8\n');
  });
});

describe('F54: template variables', () => {
  test('are the times of the run, in a query', async () => {
    const clock = new ShiftedClock('2026-03-01T10:30:00.250Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, clock);
    const query =
      "SELECT id FROM flights WHERE updated > '{{ last_completed_run_time }}' AND updated <= '{{current_run_time}}' ORDER BY id";
    const intakeSettings = { ...FROM_TABLE.intakeSettings, query };
    const { id } = await define(api, { ...FROM_TABLE, intakeSettings, enabled: true, schedule: HOURLY });
    const run = async (): Promise<string> => {
      await api.server.definitions.lookNow();
      const job = (await jobsOf(api, id)).at(-1)!;
      await api.ended(job.id);
      return `${(job.jobSpec['intakeSettings'] as { query: string }).query} -> ${await api.result(job.id)}`;
    };
    clock.set('2026-03-01T11:00:01.000Z');
    // The first run has none before it: everything is new to it.
    expect(await run()).toMatch(
      /> '1970-01-01T00:00:00' AND updated <= '2026-03-01T11:00:0\d' .* -> y_PREDICTION\n2\n$/,
    );
    database.exec("INSERT INTO flights VALUES (7, '2026-03-01T11:20:00'), (8, '2026-03-01T12:30:00')");
    clock.set('2026-03-01T12:00:02.000Z');
    expect(await run()).toMatch(
      /> '2026-03-01T11:00:0\d' AND updated <= '2026-03-01T12:00:0\d' .* -> y_PREDICTION\n14\n$/,
    );
    expect((await shown(api, id)).batchPredictionJob['intakeSettings']).toMatchObject({ query });
  });

  test('stand in the table of an output, and nothing but times is ever put there', async () => {
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, new ShiftedClock('2026-03-01T10:30:00.000Z'));
    const table = 'scored_{{ current_run_timestamp }}';
    const outputSettings = { type: 'jdbc', dataStoreId: 'results', statementType: 'createTable', table };
    const { id } = await define(api, { ...FROM_TABLE, outputSettings, name: "'; DROP TABLE flights; --" });
    const job = await runOnce(api, id);
    const ended = await api.ended(job.id);
    expect(ended.status, ended.statusDetails).toBe('COMPLETED');
    const results = new DatabaseSync(join(folder, 'results.db'), { readOnly: true });
    const tables = results.prepare("SELECT name FROM sqlite_master WHERE name LIKE 'scored_%'").all();
    results.close();
    expect(tables).toHaveLength(1);
    expect(String(tables[0]!['name'])).toMatch(/^scored_17723610\d{5}$/);
    expect(database.prepare('SELECT count(*) AS n FROM flights').get()).toEqual({ n: 1 });
  });
});

describe('F57: a schedule', () => {
  test('runs its definition when the time has come, and once for all times that were missed', async () => {
    const clock = new ShiftedClock('2026-03-01T10:30:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, clock);
    const { id, nextScheduledRunTime } = await define(api, { ...FROM_TABLE, enabled: true, schedule: HOURLY });
    expect(nextScheduledRunTime).toBe('2026-03-01T11:00:00.000Z');
    await api.server.definitions.lookNow();
    expect(await jobsOf(api, id)).toHaveLength(0);
    // Nobody was there for three hours.
    clock.set('2026-03-01T14:10:00.000Z');
    await api.server.definitions.lookNow();
    await api.server.definitions.lookNow();
    const [job, ...others] = await jobsOf(api, id);
    expect(others).toEqual([]);
    expect(job).toMatchObject({ source: 'Scheduled Run' });
    expect((await api.ended(job!.id)).status).toBe('COMPLETED');
    expect(await shown(api, id)).toMatchObject({
      lastScheduledRunTime: '2026-03-01T11:00:00.000Z',
      nextScheduledRunTime: '2026-03-01T15:00:00.000Z',
    });
  });

  test('triggers by itself within 5 s', async () => {
    const clock = new ShiftedClock('2026-03-01T10:59:59.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, clock);
    const { id } = await define(api, { ...FROM_TABLE, enabled: true, schedule: HOURLY });
    const deadline = performance.now() + 6_000;
    let jobs: readonly ShownJob[] = [];
    while (jobs.length === 0 && performance.now() < deadline) jobs = await jobsOf(api, id);
    const created = Date.parse(String(jobs[0]?.['created']));
    expect(created - Date.parse('2026-03-01T11:00:00.000Z')).toBeLessThan(5_000);
  });

  test('never runs a definition beside itself: the new run is made, and aborted with the reason', async () => {
    const clock = new ShiftedClock('2026-03-01T10:30:00.000Z');
    const gate = Promise.withResolvers<void>();
    await using prediction = await PredictionServer.start({ respond: () => ({ after: gate.promise }) });
    await using api = await start(prediction, clock);
    const { id } = await define(api, { ...FROM_TABLE, enabled: true, schedule: HOURLY });
    clock.set('2026-03-01T11:00:01.000Z');
    await api.server.definitions.lookNow();
    clock.set('2026-03-01T12:00:01.000Z');
    await api.server.definitions.lookNow();
    const byHand = await runOnce(api, id);
    expect(byHand.status).toBe('ABORTED');
    const [first, second] = await jobsOf(api, id);
    expect(second).toMatchObject({ status: 'ABORTED', source: 'Scheduled Run' });
    expect(second!.statusDetails).toContain(`does not begin before the one before it has ended (job ${first!.id})`);
    gate.resolve();
    expect((await api.ended(first!.id)).status).toBe('COMPLETED');
    clock.set('2026-03-01T13:00:01.000Z');
    await api.server.definitions.lookNow();
    expect(await jobsOf(api, id)).toHaveLength(4);
    expect((await jobsOf(api, id)).at(-1)!.status).not.toBe('ABORTED');
  });

  async function hours(api: ApiServer, clock: ShiftedClock, id: string, from: number, to: number): Promise<void> {
    for (let hour = from; hour <= to; hour += 1) {
      clock.set(`2026-03-01T${String(hour).padStart(2, '0')}:00:01.000Z`);
      await api.server.definitions.lookNow();
      const job = (await jobsOf(api, id)).at(-1);
      if (job !== undefined) await api.ended(job.id);
    }
  }

  test('is switched off after five failures in a row; a success in between counts anew', async () => {
    const clock = new ShiftedClock('2026-03-01T00:30:00.000Z');
    const options: PredictionServerOptions = { reject: () => 'no' };
    await using prediction = await PredictionServer.start(options);
    await using api = await start(prediction, clock);
    const { id } = await define(api, {
      ...FROM_TABLE,
      abortOnError: true,
      deadLetters: { maxShare: 0, minRows: 0 },
      enabled: true,
      schedule: HOURLY,
    });
    await hours(api, clock, id, 1, 4);
    prediction.options = {};
    await hours(api, clock, id, 5, 5);
    expect((await jobsOf(api, id)).map(({ status }) => status)).toEqual([...Array(4).fill('ABORTED'), 'COMPLETED']);
    prediction.options = options;
    await hours(api, clock, id, 6, 9);
    expect((await shown(api, id)).enabled).toBe(true);
    await hours(api, clock, id, 10, 10);
    expect(await shown(api, id)).toMatchObject({
      enabled: false,
      nextScheduledRunTime: null,
      lastStartedJobStatus: 'ABORTED',
    });
    expect(api.log.join('\n')).toContain('was switched off: 5 scheduled runs failed');
    await hours(api, clock, id, 11, 12);
    expect(await jobsOf(api, id)).toHaveLength(10);
    // Who switches it on again has five tries again.
    expect((await patch(api, id, { enabled: true })).status).toBe(200);
    await hours(api, clock, id, 13, 16);
    expect((await shown(api, id)).enabled).toBe(true);
  });

  test('runs so many definitions a day as are allowed', async () => {
    const clock = new ShiftedClock('2026-03-01T00:30:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, clock, { schedule: { runsPerDay: 2 } });
    const { id } = await define(api, { ...FROM_TABLE, enabled: true, schedule: HOURLY });
    await hours(api, clock, id, 1, 4);
    expect(await jobsOf(api, id)).toHaveLength(2);
    expect(api.log.join('\n')).toContain('2 scheduled runs today');
    clock.set('2026-03-02T00:00:01.000Z');
    await api.server.definitions.lookNow();
    expect(await jobsOf(api, id)).toHaveLength(3);
  });

  test('that cannot be run any more has an aborted job that says why', async () => {
    const clock = new ShiftedClock('2026-03-01T10:30:00.000Z');
    await using prediction = await PredictionServer.start();
    await using api = await start(prediction, clock, { limits: { jobsPerUser: 1 } });
    const { id } = await define(api, { ...FROM_TABLE, enabled: true, schedule: HOURLY });
    await api.create({ deploymentId: 'flights' });
    clock.set('2026-03-01T11:00:01.000Z');
    await api.server.definitions.lookNow();
    const [job] = await jobsOf(api, id);
    expect(job).toMatchObject({ status: 'ABORTED' });
    expect(job!.statusDetails).toContain('have not ended yet');
    expect(await shown(api, id)).toMatchObject({
      lastFailedRunTime: expect.any(String),
      lastStartedJobStatus: 'ABORTED',
    });
  });
});
