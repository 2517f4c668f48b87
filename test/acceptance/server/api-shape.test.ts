import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { PredictionServer } from '../../support/prediction-server.ts';

let server: PredictionServer;
let api: ApiServer;
beforeAll(async () => {
  server = await PredictionServer.start();
  api = await startApi({
    env: { SLUICE_KEY: '0123456789abcdef'.repeat(4) },
    server: { allowTargets: ['127.0.0.1'] },
    deployments: { d: server.url },
    configuration: {
      credentials: { keys: { awsAccessKeyId: 'AKIA1', awsSecretAccessKey: 'very-secret' } },
      dataStores: { warehouse: { jdbcUrl: 'jdbc:postgresql://db.example/x' } },
    },
  });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await server.close();
});

const CSV = 'id,x\n1,a\n2,b\n3,c\n';

async function refused(body: unknown, status = 422): Promise<string> {
  const reply = await api.post('/batchPredictions/', body);
  expect(reply.status).toBe(status);
  expect(reply.headers.get('content-type')).toBe('application/json');
  const { message } = (await reply.json()) as { message: string };
  expect(message).toBeTruthy();
  return message;
}

test('F1: the version is one that clients of 2.x and 3.x start with', async () => {
  const reply = await api.request('/version/');
  expect(reply.status).toBe(200);
  expect(await reply.json()).toMatchObject({ major: 2, minor: 49, versionString: '2.49.0' });
});

describe('F2: tokens', () => {
  const deployments = { d: 'http://127.0.0.1:1' };
  const tokens = [
    { token: 'tok-of-ann', user: 'ann', role: 'run' },
    { token: 'tok-of-bob', user: 'bob', role: 'run' },
    { token: 'tok-reads', user: 'ann', role: 'read' },
    { token: 'tok-admin', user: 'root', role: 'admin' },
  ];

  test('come as Token or as Bearer; a wrong one, or none, is 401 in JSON, before the body is read', async () => {
    await using guarded = await startApi({ deployments, server: { tokens } });
    for (const authorization of ['Token tok-of-ann', 'Bearer tok-of-ann', 'bearer tok-of-bob'])
      expect((await guarded.request('/version/', { headers: { authorization } })).status).toBe(200);
    for (const authorization of ['Token wrong-one', 'tok-of-ann', 'Basic tok-of-ann', '']) {
      const reply = await guarded.request('/batchPredictions/', { headers: { authorization } });
      expect(reply.status).toBe(401);
      expect(reply.headers.get('content-type')).toBe('application/json');
      expect(await reply.json()).toEqual({ message: expect.stringMatching(/token/i) });
    }
  });

  test('say who asks: jobs belong to their owner, whoever only reads makes none, an admin sees all', async () => {
    await using guarded = await startApi({ deployments, server: { tokens } });
    const as = (token: string) => ({
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    });
    const made = await guarded.request('/batchPredictions/', {
      method: 'POST',
      body: '{"deploymentId":"d"}',
      ...as('tok-of-ann'),
    });
    const { id, createdBy } = (await made.json()) as ShownJob;
    expect(createdBy).toMatchObject({ username: 'ann' });
    const statusOf = async (token: string, method = 'GET'): Promise<number> =>
      (await guarded.request(`/batchPredictions/${id}/`, { method, ...as(token) })).status;
    expect(await statusOf('tok-of-bob')).toBe(404);
    expect(await statusOf('tok-of-bob', 'DELETE')).toBe(404);
    expect(await statusOf('tok-reads')).toBe(200);
    expect(await statusOf('tok-reads', 'DELETE')).toBe(403);
    expect(await statusOf('tok-admin')).toBe(200);
    const listed = async (token: string): Promise<number> =>
      ((await (await guarded.request('/batchPredictions/', as(token))).json()) as { totalCount: number }).totalCount;
    expect([await listed('tok-of-ann'), await listed('tok-of-bob'), await listed('tok-admin')]).toEqual([1, 0, 1]);
    expect(await statusOf('tok-of-ann', 'DELETE')).toBe(202);
  });

  test('are needed to listen where others can reach the port', async () => {
    await expect(startApi({ deployments, server: { host: '0.0.0.0' } })).rejects.toThrow(/server\.host.*tokens/);
  });
});

test('F3: every route answers with and without a slash at its end, and none redirects', async () => {
  const document = (await (await api.request(`${api.server.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, object>>;
  };
  const paths = Object.entries(document.paths);
  expect(paths.length).toBeGreaterThan(7);
  for (const [path, operations] of paths)
    for (const method of Object.keys(operations))
      for (const form of [path, path.replace(/\/$/, '')]) {
        const url = form.replace('{id}', '0'.repeat(24)).replace('{number}', '0');
        const reply = await api.request(url, { method: method.toUpperCase() });
        expect(reply.redirected).toBe(false);
        const text = await reply.text();
        expect(text, `${method} ${url}`).not.toContain('There is nothing at');
        expect([200, 404, 406, 422], `${method} ${url}`).toContain(reply.status);
      }
});

test('F4: an error is application/json, exactly, with a message', async () => {
  const replies = [
    await api.request('/batchPredictions/nothing/'),
    await api.request('/nowhere/'),
    await api.post('/batchPredictions/', {}),
    await api.request('/batchPredictions/', {
      method: 'POST',
      body: '{broken',
      headers: { 'content-type': 'application/json' },
    }),
    await api.request('/batchPredictions/', { method: 'POST', body: 'x=1' }),
    await api.request('/batchPredictions/?limit=many'),
    await api.request('/batchPredictions/?unknown=1'),
    await api.request('/batchPredictions/%zz/'),
    await api.request('/batchPredictions/', {
      method: 'POST',
      body: JSON.stringify({ deploymentId: 'x'.repeat(2_000_000) }),
      headers: { 'content-type': 'application/json' },
    }),
  ];
  for (const reply of replies) {
    expect(reply.status).toBeGreaterThanOrEqual(400);
    expect(reply.status).toBeLessThan(500);
    expect(reply.headers.get('content-type')).toBe('application/json');
    expect(((await reply.json()) as { message: string }).message).toBeTruthy();
  }
});

test('F5: a 429 and a 503 say when to come again', async () => {
  await using small = await startApi({
    deployments: { d: server.url },
    server: { limits: { jobsPerUser: 1 } },
  });
  await small.create({ deploymentId: 'd' });
  const reply = await small.post('/batchPredictions/', { deploymentId: 'd' });
  expect(reply.status).toBe(429);
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('F6: a new job is answered 202, with its absolute address in Location and links.self, which end in a slash', async () => {
  const reply = await api.post('/batchPredictions/', { deploymentId: 'd' });
  expect(reply.status).toBe(202);
  const job = (await reply.json()) as ShownJob;
  const address = `${api.base}/batchPredictions/${job.id}/`;
  expect(reply.headers.get('location')).toBe(address);
  expect(job.links).toEqual({ self: address, csvUpload: `${address}csvUpload/`, download: null });
  expect(job.id).toMatch(/^[0-9a-f]{24}$/);
});

describe('F7: a bad setting is 422', () => {
  test('naming the unknown field and the nearest name', async () => {
    expect(await refused({ deploymentId: 'd', numConcurent: 2 })).toMatch(/"numConcurent".*"numConcurrent"/);
    expect(await refused({ deploymentId: 'd', csvSettings: { delimeter: ';' } })).toMatch(/"delimeter".*"delimiter"/);
    expect(await refused({ deploymentId: 'e' })).toMatch(/no deployment "e"/);
    const reply = await api.post('/batchPredictions/', { deploymentId: 'd', numConcurrent: 0, chunkSize: 'big' });
    const { errors } = (await reply.json()) as { errors: Record<string, string> };
    expect(Object.keys(errors).toSorted()).toEqual(['chunkSize', 'numConcurrent']);
  });

  test.each([
    ['chunkSize', 19],
    ['chunkSize', 41_943_041],
    ['chunkSize', '100'],
    ['maxExplanations', 101],
    ['maxExplanations', -1],
    ['numConcurrent', '4'],
    ['numConcurrent', 0],
    ['abortOnError', 'yes'],
    ['predictionThreshold', 1.5],
    ['passthroughColumnsSet', 'some'],
    ['csvSettings', { encoding: 'klingon' }],
    ['deploymentId', 7],
  ])('for %s: %j', async (field, value) => {
    expect(await refused({ deploymentId: 'd', [field]: value })).toContain(field);
  });

  test.each([
    ['azure', 'intakeSettings'],
    ['gcp', 'intakeSettings'],
    ['bigquery', 'outputSettings'],
    ['synapse', 'outputSettings'],
    ['snowflake', 'intakeSettings'],
    ['dss', 'intakeSettings'],
    ['tableau', 'outputSettings'],
    ['fileSystem', 'outputSettings'],
  ])('for the adapter %s, which this version has not', async (type, field) => {
    const message = await refused({ deploymentId: 'd', [field]: { type, url: 'x', dataStoreId: 'y' } });
    expect(message).toMatch(new RegExp(`${field}\\.type "${type}" is not in this version, which has "localFile"`));
  });

  test.each(['modelId', 'modelPackageId', 'timeseriesSettings', 'explanationClassNames', 'monitoringColumns'])(
    'for %s, which is not served, but taken as null',
    async (field) => {
      expect(await refused({ deploymentId: 'd', [field]: 'x' })).toMatch(new RegExp(`${field} is not served here`));
      expect((await api.post('/batchPredictions/', { deploymentId: 'd', [field]: null })).status).toBe(202);
    },
  );
});

describe('nothing of the body reaches the machine of the server', () => {
  test.each<[string, object]>([
    ['a file to read', { intakeSettings: { type: 'localFile', file: '/etc/passwd' } }],
    ['files to read', { intakeSettings: { files: ['/etc/passwd'] } }],
    ['a file to write', { outputSettings: { type: 'localFile', path: '/tmp/x.csv' } }],
    ['a deployment in place', { deployment: { id: 'd', server: 'http://169.254.169.254' } }],
    ['brokers', { kafka: { brokers: 'localhost:9092' } }],
    ['topics', { intakeSettings: { type: 'kafka', topic: 't', group: 'g' } }],
    ['an engine', { engine: 'kafka' }],
    ['a folder for a report', { report: '/tmp' }],
    ['a file for dead letters', { deadLetters: { path: '/tmp/x' } }],
    ['a file of baseline rows', { explanation: { baseline: { file: '/etc/passwd' } } }],
    ['a database in place', { intakeSettings: { type: 'jdbc', jdbcUrl: 'jdbc:sqlite:/etc/x', table: 't' } }],
    ['a driver', { intakeSettings: { type: 'jdbc', dataStoreId: 'warehouse', table: 't', jars: '/tmp' } }],
    ['certificates', { intakeSettings: { type: 'http', url: 'http://x.example/', caFile: '/etc/passwd' } }],
    ['a spool', { outputSettings: { type: 'http', url: 'http://x.example/', spool: '/tmp/x' } }],
    ['another catalog', { intakeSettings: { type: 'dataset', datasetId: 'x', catalogUrl: 'http://x.example' } }],
    ['a host that is an address', { predictionInstance: { hostName: 'x/../y@z' } }],
    ['a port that no host has', { predictionInstance: { hostName: 'x.example:99999' } }],
    ['an address that no host has', { predictionInstance: { hostName: '999.1.1.1' } }],
  ])('%s', async (_, body) => {
    await refused({ deploymentId: 'd', ...body });
  });

  test('variables are texts', async () => {
    expect(await refused({ deploymentId: '${HOME}' })).toContain('"${HOME}"');
    const job = await api.create({ deploymentId: 'd', passthroughColumns: ['${HOME}'] });
    expect(job.jobSpec).toMatchObject({ passthroughColumns: ['${HOME}'] });
  });
});

test('F8: jobSpec has every default', async () => {
  const { jobSpec } = await api.create({ deploymentId: 'd' });
  expect(jobSpec).toMatchObject({
    abortOnError: true,
    columnNamesRemapping: [],
    csvSettings: { delimiter: ',', quotechar: '"', encoding: 'utf-8' },
    deploymentId: 'd',
    includePredictionStatus: false,
    includeProbabilities: true,
    includeProbabilitiesClasses: [],
    intakeSettings: { type: 'localFile' },
    maxExplanations: 0,
    numConcurrent: 4,
    outputSettings: { type: 'localFile' },
    passthroughColumns: null,
    passthroughColumnsSet: null,
    skipDriftTracking: false,
    thresholdHigh: null,
    thresholdLow: null,
    chunkSize: 'auto',
  });
});

test('F9, F10: a job is in every state as clients insist on it', async () => {
  const seen = new Set<string>();
  const check = (job: ShownJob): ShownJob => {
    seen.add(job.status);
    expect(['INITIALIZING', 'RUNNING', 'COMPLETED', 'ABORTED']).toContain(job.status);
    expect(Number.isInteger(job.elapsedTimeSec)).toBe(true);
    expect(job.statusDetails).toBe(job.logs.at(-1));
    expect(job.statusDetails.length).toBeGreaterThan(0);
    expect(job.percentageCompleted).toBeTypeOf('number');
    expect(Number.isInteger(job.jobSpec['numConcurrent'])).toBe(true);
    expect(job.links.self.endsWith('/')).toBe(true);
    expect(job.links.download === null || job.links.download?.endsWith('/download/')).toBe(true);
    return job;
  };
  const gate = Promise.withResolvers<void>();
  await using slow = await PredictionServer.start({ respond: () => ({ after: gate.promise }) });
  await using own = await startApi({ deployments: { d: slow.url } });
  const { id } = check(await own.create({ deploymentId: 'd' }));
  await own.upload(id, CSV);
  await own.until(id, (job) => check(job).status === 'RUNNING');
  gate.resolve();
  const done = await own.until(id, (job) => check(job).status === 'COMPLETED');
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}`;
  expect(done.logs).toEqual([
    expect.stringMatching(new RegExp(`^Job created by sluice from 127\\.0\\.0\\.1 at ${time}$`)),
    expect.stringMatching(new RegExp(`^Job started processing at ${time}$`)),
    expect.stringMatching(new RegExp(`^Job done processing at ${time}$`)),
  ]);
  const other = await own.create({ deploymentId: 'd' });
  await own.request(`/batchPredictions/${other.id}/`, { method: 'DELETE' });
  check(await own.job(other.id));
  expect([...seen].toSorted()).toEqual(['ABORTED', 'COMPLETED', 'INITIALIZING', 'RUNNING']);
});

test('F11: a list is filtered, sorted and cut into pages', async () => {
  await using other = await PredictionServer.start();
  await using own = await startApi({ deployments: { a: server.url, b: other.url } });
  const ids: string[] = [];
  for (const deploymentId of ['a', 'b', 'a', 'b', 'a']) ids.push((await own.create({ deploymentId })).id);
  await own.request(`/batchPredictions/${ids[0]}/`, { method: 'DELETE' });
  type Page = { count: number; totalCount: number; next: string | null; previous: string | null; data: ShownJob[] };
  const page = async (query: string): Promise<Page> =>
    (await (await own.request(query.startsWith('http') ? query : `/batchPredictions/${query}`)).json()) as Page;
  const idsOf = async (query: string): Promise<string[]> => (await page(query)).data.map(({ id }) => id);
  expect(await idsOf('')).toHaveLength(5);
  expect((await page('')).next).toBeNull();
  expect((await idsOf('?deploymentId=b')).toSorted()).toEqual(ids.filter((_, at) => at === 1 || at === 3).toSorted());
  expect(await idsOf('?status=ABORTED')).toEqual([ids[0]]);
  expect(await idsOf('?status=ABORTED&status=INITIALIZING')).toHaveLength(5);
  expect(await idsOf('?source=-Ad%20hoc%20API')).toEqual([]);
  expect(await idsOf('?source=Ad%20hoc%20API')).toHaveLength(5);
  expect(await idsOf(`?hostname=${new URL(other.url).host}`)).toHaveLength(2);
  expect(await idsOf(`?jobId=${ids[2]}`)).toEqual([ids[2]]);
  expect(await idsOf('?intakeType=s3')).toEqual([]);
  expect(await idsOf('?intakeType=local_file')).toHaveLength(5);
  expect(await idsOf(`?startDateTime=${new Date(Date.now() + 60_000).toISOString()}`)).toEqual([]);
  expect(await idsOf(`?endDateTime=${new Date(Date.now() + 60_000).toISOString()}&cutoffHours=1`)).toHaveLength(5);
  expect(await idsOf('?orderBy=created')).toEqual((await idsOf('?orderBy=-created')).toReversed());
  const walked: string[] = [];
  for (let at: string | null = '?limit=2&orderBy=created&status=INITIALIZING&status=ABORTED'; at !== null; ) {
    const found = await page(at);
    expect(found.totalCount).toBe(5);
    walked.push(...found.data.map(({ id }) => id));
    at = found.next;
    if (at === null) expect(found.previous).toMatch(/^http.*offset=2&limit=2|offset=2/);
  }
  expect(walked).toEqual(await idsOf('?orderBy=created'));
  await own.request(`/batchPredictions/${ids[4]}/`, {
    method: 'PATCH',
    body: '{"hidden":true}',
    headers: { 'content-type': 'application/json' },
  });
  expect(await idsOf('')).not.toContain(ids[4]);
});

async function scored(body: object, csv: string): Promise<string> {
  const { id } = await api.create({ deploymentId: 'd', ...body });
  expect((await api.upload(id, csv)).status).toBe(202);
  const { status, statusDetails } = await api.ended(id);
  expect(status, statusDetails).toBe('COMPLETED');
  return await api.result(id);
}

test('F12: passthroughColumnsSet: all wins over passthroughColumns', async () => {
  expect(await scored({ passthroughColumnsSet: 'all', passthroughColumns: ['x'] }, CSV)).toBe(
    'y_PREDICTION,id,x\n2,1,a\n4,2,b\n6,3,c\n',
  );
});

test('F13: columnNamesRemapping is taken as an object and as a list, and given back as a list', async () => {
  const columnNamesRemapping = { y_PREDICTION: 'score', x: null };
  const { jobSpec } = await api.create({ deploymentId: 'd', columnNamesRemapping });
  const list = [
    { inputName: 'y_PREDICTION', outputName: 'score' },
    { inputName: 'x', outputName: null },
  ];
  expect(jobSpec['columnNamesRemapping']).toEqual(list);
  for (const given of [columnNamesRemapping, list, [list[0], { inputName: 'x', outputName: false }]])
    expect(await scored({ columnNamesRemapping: given, passthroughColumns: ['id', 'x'] }, CSV)).toBe(
      'score,id\n2,1\n4,2\n6,3\n',
    );
});

test('F14: what is secret is given back as [redacted], or not at all', async () => {
  const made = await api.create({
    deploymentId: 'd',
    intakeSettings: {
      type: 'http',
      url: 'http://ann:hidden-1@127.0.0.1:1/rows.csv?sig=hidden-2',
      headers: { authorization: 'hidden-3' },
      token: 'hidden-4',
      retrySeconds: 0,
    },
    predictionInstance: { hostName: '127.0.0.1:1', sslEnabled: false, datarobotKey: 'hidden-5', apiKey: 'hidden-6' },
  });
  const ended = await api.ended(made.id);
  for (const shown of [JSON.stringify(made), JSON.stringify(ended)]) expect(shown).not.toMatch(/hidden-\d/);
  expect(made.jobSpec).toMatchObject({
    intakeSettings: { type: 'http', url: 'http://127.0.0.1:1/rows.csv', headers: '[redacted]', token: '[redacted]' },
    predictionInstance: { hostName: '127.0.0.1:1', sslEnabled: false },
    redactedFields: ['intakeSettings.headers', 'intakeSettings.token'],
  });
  expect(api.log.join('\n')).not.toMatch(/hidden-\d/);
});

test('F15: both spellings of statement types are taken', async () => {
  for (const statementType of ['insertUpdate', 'insert_update', 'createTable', 'create_table']) {
    const columns = /create/i.test(statementType) ? {} : { whereColumns: ['id'] };
    const outputSettings = { type: 'jdbc', dataStoreId: 'warehouse', table: 't', statementType, ...columns };
    expect((await api.post('/batchPredictions/', { deploymentId: 'd', outputSettings })).status).toBe(202);
  }
  expect(
    await refused({
      deploymentId: 'd',
      outputSettings: { type: 'jdbc', dataStoreId: 'house', table: 't', statementType: 'insert' },
    }),
  ).toMatch(/dataStoreId|data store "house"/);
});
