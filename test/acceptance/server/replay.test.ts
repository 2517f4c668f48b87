import { expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { type Behaviour, PredictionServer } from '../../support/prediction-server.ts';

const CSV = `id\n${Array.from({ length: 60 }, (_, i) => `${i}\n`).join('')}`;
const WHOLE = `y_PREDICTION\n${Array.from({ length: 60 }, (_, i) => `${2 * i}\n`).join('')}`;

/** A server that cannot score two rows, and a job that has met them. */
async function failed(): Promise<{ readonly server: PredictionServer; readonly api: ApiServer; readonly id: string }> {
  const reject = ([id]: readonly string[]): string | null => (id === '7' || id === '30' ? 'unknown' : null);
  const server = await PredictionServer.start({ reject, rejectAs: 'row' });
  const api = await startApi({ deployments: { d: server.url }, server: { drainSeconds: 0.2 } });
  const { id } = await api.create({ deploymentId: 'd' });
  await api.upload(id, CSV);
  expect(await api.ended(id)).toMatchObject({ status: 'COMPLETED', scoredRows: 58, failedRows: 2 });
  return { server, api, id };
}

function logged(api: ApiServer, id: string, text: RegExp): Promise<{ readonly logs: readonly string[] }> {
  return api.until(id, ({ statusDetails }) => text.test(statusDetails));
}

test('a replay completes the result of a job with the rows that can be scored now', async () => {
  const { server, api, id } = await failed();
  await using _ = server;
  await using __ = api;
  server.options = { reject: ([row]) => (row === '7' ? 'unknown still' : null), rejectAs: 'row' };
  expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
  await logged(api, id, /Replay done .*: 1 rows scored, 1 failed again/);
  expect(await api.job(id)).toMatchObject({ status: 'COMPLETED', scoredRows: 59, failedRows: 1 });
  const letters = (await (await api.request(`/live/jobs/${id}/letters/`)).json()) as object;
  expect(letters).toMatchObject({ letters: 1, causes: [{ kind: 'failed', letters: 1, cause: 'unknown still' }] });
  server.options = {};
  expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
  await logged(api, id, /Replay done .*: 1 rows scored, 0 failed again/);
  expect(await api.result(id)).toBe(WHOLE);
  const refused = await api.post(`/live/jobs/${id}/replay/`, {});
  expect([refused.status, await refused.text()]).toEqual([409, '{"message":"The job has no rows that failed."}']);
});

test('a job is replayed once at a time, and its result is not given while it changes', async () => {
  const { server, api, id } = await failed();
  await using _ = server;
  await using __ = api;
  const gate = Promise.withResolvers<void>();
  server.options = { respond: (): Behaviour => ({ after: gate.promise }) };
  expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
  expect((await api.post(`/live/jobs/${id}/replay/`, {})).status).toBe(409);
  const reply = await api.request(`/batchPredictions/${id}/download/`);
  expect(reply.status).toBe(409);
  expect(await reply.text()).toContain('being scored again');
  // Jobs of the same server wait for it, as for any other.
  const next = await api.create({ deploymentId: 'd' });
  await api.upload(next.id, CSV);
  expect((await api.job(next.id)).status).toBe('INITIALIZING');
  gate.resolve();
  await logged(api, id, /Replay done/);
  expect(await api.result(id)).toBe(WHOLE);
  expect((await api.ended(next.id)).status).toBe('COMPLETED');
});

test('a replay that a stop of the server ended leaves the result as it was, and can be done again', async () => {
  const { server, api: before, id } = await failed();
  await using _ = server;
  await using __ = before;
  const original = await before.result(id);
  server.options = { respond: (): Behaviour => ({ after: new Promise(() => undefined) }) };
  expect((await before.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
  await before.server.close();
  server.options = {};
  await using after = await startApi({ deployments: { d: server.url }, state: before.state });
  expect(await after.result(id)).toBe(original);
  expect((await after.job(id)).statusDetails).toMatch(/Replay ended .* without effect: the server stops/);
  expect((await after.post(`/live/jobs/${id}/replay/`, {})).status).toBe(202);
  await logged(after, id, /Replay done/);
  expect(await after.result(id)).toBe(WHOLE);
});

test('the claim of a replay whose process was killed is void', async () => {
  const { server, api, id } = await failed();
  await using _ = server;
  await using __ = api;
  await api.server.service.store.update(id, () => ({ claim: { runner: 'a process that is dead', beat: 3 } }));
  server.options = {};
  const deadline = performance.now() + 10_000;
  let status = 409;
  while (status === 409 && performance.now() < deadline) {
    ({ status } = await api.post(`/live/jobs/${id}/replay/`, {}));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(status).toBe(202);
  await logged(api, id, /Replay done/);
  expect(await api.result(id)).toBe(WHOLE);
});

test('only the owner of a job may replay it, only with a token that may run jobs, and never a page of somebody else', async () => {
  await using server = await PredictionServer.start();
  const tokens = [
    { token: 'token-of-anna', user: 'anna' },
    { token: 'other-of-anna', user: 'anna', role: 'read' },
    { token: 'token-of-bert', user: 'bert' },
  ];
  await using api = await startApi({ deployments: { d: server.url }, server: { tokens }, token: 'token-of-anna' });
  const { id } = await api.create({ deploymentId: 'd' });
  const asked = async (token: string, type = 'application/json'): Promise<number> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    return (await api.request(`/live/jobs/${id}/replay/`, { method: 'POST', body: '{}', headers })).status;
  };
  expect(await asked('token-of-bert')).toBe(404);
  expect(await asked('other-of-anna')).toBe(403);
  expect(await asked('nobody')).toBe(401);
  expect(await asked('token-of-anna')).toBe(409);
  expect(await asked('token-of-anna', 'text/plain')).toBe(422);
});
