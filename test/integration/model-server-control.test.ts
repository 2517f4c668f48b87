import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type ModelServer, type ModelServerOptions, startModelServer } from '../../src/model-server/index.ts';
import { MODELS } from '../unit/model-server/golden-file.ts';

const API = '/predApi/v1.0';
const CSV = 'date,distance,origin,destination\n2001-02-27 23:29:00,1300,MSP,LAS\n';

let models: string;

beforeEach(async () => {
  models = await mkdtemp(join(tmpdir(), 'models-'));
  await cp(MODELS, models, { recursive: true });
  // The same trees on another base score: a real model, whose predictions are all higher by 100.
  const model = JSON.parse(await readFile(join(models, 'flights.json'), 'utf8'));
  const { learner_model_param: parameters } = model.learner;
  parameters.base_score = `[${Number(parameters.base_score.slice(1, -1)) + 100}]`;
  await writeFile(join(models, 'flights-2.json'), JSON.stringify(model));
});

afterEach(async () => {
  await rm(models, { recursive: true });
});

const start = (options: Partial<ModelServerOptions> = {}): Promise<ModelServer> =>
  startModelServer({ models, port: 0, ...options });

interface Answer {
  readonly status: number;
  readonly model: string | null;
  readonly prediction: number;
  readonly message: unknown;
}

function score(server: ModelServer, headers: Record<string, string> = {}): Promise<Answer> {
  const url = `${server.url}${API}/deployments/flights/predictions`;
  return fetch(url, { method: 'POST', body: CSV, headers: { 'content-type': 'text/csv', ...headers } }).then(
    async (reply) => {
      const body: { readonly data?: readonly { readonly prediction: number }[]; readonly message?: string } =
        JSON.parse(await reply.text());
      return {
        status: reply.status,
        model: reply.headers.get('x-datarobot-model-id'),
        prediction: body.data?.[0]?.prediction ?? Number.NaN,
        message: body.message,
      };
    },
  );
}

function replace(server: ModelServer, file: unknown, headers: Record<string, string> = {}): Promise<Response> {
  const body = JSON.stringify({ file });
  return fetch(`${server.url}${API}/deployments/flights/model`, {
    method: 'PATCH',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** A prediction request whose headers the server works on already, and whose body is still to come. */
async function open(server: ModelServer): Promise<ClientRequest> {
  const headers = { 'content-type': 'text/csv', 'content-length': CSV.length, expect: '100-continue' };
  const held = request(`${server.url}${API}/deployments/flights/predictions`, { method: 'POST', headers });
  held.flushHeaders();
  await once(held, 'continue');
  return held;
}

async function finish(held: ClientRequest): Promise<IncomingMessage> {
  held.end(CSV);
  const [reply] = await once(held, 'response');
  reply.resume();
  await once(reply, 'end');
  return reply;
}

test('a replaced model answers what comes later, stays addressable by its id, and ends what it began', async () => {
  await using server = await start();
  const before = await score(server);
  const held = await open(server);

  const patched = await replace(server, 'flights-2.json');
  expect(patched.status).toBe(200);
  const after = await score(server);
  expect(after.prediction).toBeCloseTo(before.prediction + 100, 3);
  expect(after.model).not.toBe(before.model);
  expect(await patched.json()).toMatchObject({ model: { id: after.model } });

  expect((await finish(held)).headers['x-datarobot-model-id']).toBe(before.model);
  expect(await score(server, { 'x-sluice-model-id': before.model! })).toEqual(before);
  expect(await score(server, { 'x-sluice-model-id': after.model! })).toEqual(after);
  const unknown = await score(server, { 'x-sluice-model-id': '0'.repeat(24) });
  expect(unknown).toMatchObject({ status: 409, message: expect.stringContaining(after.model!) });
});

test('the method replaces a model as the route does, and the log says so', async () => {
  const lines: string[] = [];
  await using server = await start({ log: (line) => lines.push(line) });
  const info = await server.replaceModel('flights', 'flights-2.json');
  expect((await score(server)).model).toBe(info.model.id);
  expect(lines).toEqual([`flights: the model is flights-2.json, ${info.model.id}, from now on`]);
  await expect(server.replaceModel('nope', 'flights-2.json')).rejects.toMatchObject({ code: 'DEPLOYMENT_UNKNOWN' });
});

test('only model files of the folder itself that fit the deployment can be put in its place', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'outside-'));
  await cp(join(models, 'flights-2.json'), join(outside, 'secret.json'));
  await symlink(join(outside, 'secret.json'), join(models, 'link.json'));
  await using server = await start();
  const before = await score(server);
  const names = [
    `${outside}/secret.json`,
    '../flights.json',
    'link.json',
    'flights.deployment.json',
    '.json',
    'a\0.json',
    'nope.json',
    'README.md',
    7,
  ];
  for (const name of names) {
    const reply = await replace(server, name);
    expect(reply.status, String(name)).toBe(422);
    expect(await reply.json()).toEqual({ message: expect.not.stringContaining(models) });
  }
  const misfit = await replace(server, 'penguins.json');
  expect(await misfit.json()).toEqual({
    message: expect.stringContaining('it is a model for multiclass, not for regression'),
  });
  expect(await score(server)).toEqual(before);
  await rm(outside, { recursive: true });
});

test('requests beyond maxInFlight are refused with 429 and Retry-After, and taken again when one is done', async () => {
  await using server = await start({ maxInFlight: 2 });
  const held = [await open(server), await open(server)];
  const refused = await fetch(`${server.url}${API}/deployments/flights/predictions`, {
    method: 'POST',
    body: CSV,
    headers: { 'content-type': 'text/csv' },
  });
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  expect(refused.headers.get('content-type')).toBe('application/json');
  await refused.body?.cancel();
  expect((await fetch(`${server.url}${API}/ping`)).status).toBe(200);

  expect((await finish(held[0]!)).statusCode).toBe(200);
  expect((await score(server)).status).toBe(200);
  expect((await finish(held[1]!)).statusCode).toBe(200);
});

test('a client that goes away in the middle gives its place free', async () => {
  await using server = await start({ maxInFlight: 1 });
  const held = await open(server);
  const closed = new Promise((resolve) => held.on('error', () => undefined).once('close', resolve));
  held.destroy();
  await closed;
  // The server hears of it in its own time; every refusal until then says so.
  let answer = await score(server);
  while (answer.status === 429) answer = await score(server);
  expect(answer.status).toBe(200);
});

test('with tokens, all but ping needs one of them, as Bearer or Token', async () => {
  await using server = await start({ tokens: ['first', 'second'] });
  expect((await fetch(`${server.url}${API}/ping`)).status).toBe(200);
  for (const authorization of ['', 'Bearer', 'Bearer wrong', 'Basic first', 'first', 'Bearer first second']) {
    expect(await score(server, { authorization }), authorization).toMatchObject({
      status: 401,
      message: expect.any(String),
    });
    expect((await replace(server, 'flights-2.json', { authorization })).status).toBe(401);
    expect((await fetch(`${server.url}${API}/deployments`, { headers: { authorization } })).status).toBe(401);
  }
  for (const authorization of ['Bearer first', 'Token second', 'bearer second']) {
    expect((await score(server, { authorization })).status, authorization).toBe(200);
  }
  expect((await replace(server, 'flights-2.json', { authorization: 'Token first' })).status).toBe(200);
});

test('closing ends what is under way', async () => {
  const server = await start();
  const held = await open(server);
  const closed = server.close();
  const reply = await finish(held);
  // Without the header the server would wait until the client lets the connection go.
  expect([reply.statusCode, reply.headers.connection]).toEqual([200, 'close']);
  await closed;
  await expect(fetch(`${server.url}${API}/ping`)).rejects.toThrow('fetch failed');
});

test('a folder without deployments, a broken one and a double id are refused at the start', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'empty-'));
  await expect(start({ models: empty })).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(/has no \*\.deployment\.json/),
  });
  await expect(start({ models: join(empty, 'nope') })).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(/nope cannot be read/),
  });
  await cp(join(models, 'flights.deployment.json'), join(models, 'twice.deployment.json'));
  await expect(start()).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(/twice\.deployment\.json has the id flights/),
  });
  await writeFile(join(models, 'twice.deployment.json'), '{');
  await expect(start()).rejects.toMatchObject({
    code: 'MODEL_INVALID',
    message: expect.stringMatching(/twice\.deployment\.json is not JSON/),
  });
  await rm(empty, { recursive: true });
});
