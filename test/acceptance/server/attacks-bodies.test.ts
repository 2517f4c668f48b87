import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { newSqlite, type TestDatabase } from '../../support/sql-databases.ts';
import { WebServer } from '../../support/web-server.ts';

const MIB = 1024 * 1024;

let predictions: PredictionServer;
let web: WebServer;
let database: TestDatabase;
let outside = '';
let api: ApiServer;
beforeAll(async () => {
  predictions = await PredictionServer.start();
  web = await WebServer.start();
  database = await newSqlite();
  outside = mkdtempSync(join(tmpdir(), 'sluice-outside-'));
  api = await startApi({
    deployments: { flights: predictions.url, 'also: odd/../name': predictions.url },
    server: {
      // This is where the test's own servers are; what is tried below is elsewhere.
      allowTargets: [web.host],
      limits: { intakeBytes: 5 * MIB, columns: 1000, recordBytes: MIB },
      jobsPerServer: 4,
    },
    configuration: { dataStores: { own: { jdbcUrl: database.access.jdbcUrl } } },
  });
});
afterEach(() => {
  // Whatever was sent: nothing of the server was touched, and it still works.
  expect(readdirSync(outside)).toEqual([]);
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await web.close();
  await predictions.close();
  rmSync(outside, { recursive: true, force: true });
});

/** A request as it stands, without what `fetch` puts right. */
async function raw(
  method: string,
  path: string,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<{ readonly status: number; readonly text: string; readonly headers: Record<string, unknown> }> {
  const { hostname, port } = new URL(api.base);
  return await new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.on('end', () =>
        resolve({ status: reply.statusCode ?? 0, text: Buffer.concat(chunks).toString(), headers: reply.headers }),
      );
      reply.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function works(): Promise<void> {
  const job = await api.create({ deploymentId: 'flights' });
  expect((await api.upload(job.id, 'x\n1\n')).status).toBe(202);
  expect((await api.ended(job.id)).status).toBe('COMPLETED');
}

const refused = async (body: object, expected = 422): Promise<string> => {
  const reply = await api.post('/batchPredictions/', body);
  const text = await reply.text();
  expect(reply.status, text).toBe(expected);
  return text;
};

describe('paths', () => {
  const id = '0123456789abcdef01234567';
  test.each([
    '/api/v2/batchPredictions/../../../../etc/passwd',
    '/api/v2/batchPredictions/..%2f..%2f..%2fetc%2fpasswd/',
    '/api/v2/batchPredictions/%2e%2e/%2e%2e/etc/passwd',
    '/api/v2/batchPredictions/..%5c..%5cetc/',
    '/api/v2/batchPredictions/%00/',
    '/api/v2/batchPredictions/%/',
    '/api/v2/batchPredictions/%c0%ae%c0%ae/',
    `/api/v2/batchPredictions/${id}%00.csv/download/`,
    `/api/v2/batchPredictions/${id}/../../../server.sqlite`,
    `/api/v2/batchPredictions/${id}%2f..%2f..%2fserver.sqlite/`,
    '/api/v2/batchPredictions//download/',
    '//etc/passwd',
    '/server.sqlite',
    '/api/v2/../../sluice.json',
    '/api/v2/credentials/..%2f..%2fserver.sqlite/',
    '/api/v2/batchPredictions/__proto__/',
    '/api/v2/batchPredictions/constructor/download/',
    `/api/v2/batchPredictions/${'a'.repeat(4000)}/`,
    '/api/v2/batchPredictions/%0d%0aSet-Cookie:%20a=b/',
  ])('lead nowhere: %s', async (path) => {
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const reply = await raw(method, path, { headers: { 'content-type': 'text/csv' } });
      expect(reply.status, `${method} ${path}`).toBeGreaterThanOrEqual(400);
      expect(reply.status, `${method} ${path}: ${reply.text}`).toBeLessThan(500);
      expect(reply.headers['content-type']).toBe('application/json');
      expect(reply.headers['set-cookie']).toBeUndefined();
      expect(JSON.parse(reply.text)).toHaveProperty('message');
      expect(reply.text).not.toContain('root:');
    }
  });

  test.each(['..', '../0', '0/../..', '-1', '1e3', '9999999', '0x1', '%00', '１'])(
    'of a part of an upload are numbers alone, not %s',
    async (part) => {
      const job = await api.create({ deploymentId: 'flights', intakeSettings: { type: 'localFile', multipart: true } });
      const path = `/api/v2/batchPredictions/${job.id}/csvUpload/part/${encodeURIComponent(part)}/`;
      const reply = await raw('PUT', path, { headers: { 'content-type': 'text/csv' }, body: 'x\n1\n' });
      expect(reply.status).toBeGreaterThanOrEqual(400);
      expect(reply.status).toBeLessThan(500);
      expect(existsSync(join(api.state, 'jobs', job.id, 'intake'))).toBe(false);
      await api.request(`/batchPredictions/${job.id}/`, { method: 'DELETE' });
    },
  );

  test.each([
    { intakeSettings: { type: 'localFile', file: '/etc/passwd' } },
    { intakeSettings: { type: 'localFile', files: ['/etc/passwd'] } },
    { intakeSettings: { type: 'fileSystem', path: '/etc/passwd' } },
    { intakeSettings: { file: '/etc/passwd' } },
    { outputSettings: { type: 'localFile', path: '/tmp/out.csv' } },
    { outputSettings: { type: 'http', url: 'https://example.com/x', spool: '/tmp/spool' } },
    { outputSettings: { type: 'http', url: 'https://example.com/x', caFile: '/etc/passwd' } },
    { intakeSettings: { type: 'http', url: 'https://example.com/x', caFile: '/etc/passwd' } },
    { intakeSettings: { type: 'http', url: 'file:///etc/passwd' } },
    { intakeSettings: { type: 'http', url: 'ftp://example.com/x' } },
    { intakeSettings: { type: 'jdbc', jdbcUrl: 'jdbc:sqlite:/etc/passwd', table: 't' } },
    { intakeSettings: { type: 'jdbc', dataStoreId: 'own', jars: ['/tmp/evil.jar'], table: 't' } },
    { intakeSettings: { type: 'jdbc', dataStoreId: 'own', driverClass: 'java.lang.Runtime', table: 't' } },
    { intakeSettings: { type: 'dataset', datasetId: 'x', catalogUrl: 'https://example.com/' } },
    { intakeSettings: { type: 'kafka', topic: 't' } },
    { outputSettings: { type: 'kafka', topic: 't' } },
    { kafka: { brokers: 'example.com:9092' } },
    { engine: 'kafka' },
    { report: '/tmp/report' },
    { deployment: { id: 'x', server: 'http://example.com' } },
    { deadLetters: { path: '/tmp/letters' } },
    { explanation: { baseline: { type: 'localFile', file: '/etc/passwd' } } },
    { csvSettings: { encoding: '/etc/passwd' } },
  ])('of the machine cannot be named: %j', async (settings) => {
    expect(await refused({ deploymentId: 'flights', ...settings })).not.toContain('root:');
  });

  test('of a status that was never given leads nowhere', async () => {
    const given = (what: unknown): string => Buffer.from(JSON.stringify(what)).toString('base64url');
    for (const id of [given(['dataset', '\ud800']), given(['deployment']), given(5), 'x'])
      expect((await raw('GET', `/api/v2/status/${id}/`)).status).toBe(404);
  });

  test.each(['../../etc/passwd', 'flights/../..', '${PATH}', '{{ x }}', "flights' OR '1'='1", '\u0000', ''])(
    'are not what a deployment is: %j',
    async (deploymentId) => {
      const text = await refused({ deploymentId });
      expect(text).not.toContain(process.env['PATH']);
      expect(text).not.toContain(api.state);
    },
  );

  test('a variable in a body stays a text', async () => {
    const text = await refused({ deploymentId: 'flights', intakeSettings: { type: 's3', url: '${HOME}' } });
    expect(text).not.toContain(process.env['HOME']);
    const made = await api.create({ deploymentId: 'flights', passthroughColumns: ['${HOME}'] });
    expect(made.jobSpec['passthroughColumns']).toEqual(['${HOME}']);
    await api.request(`/batchPredictions/${made.id}/`, { method: 'DELETE' });
  });
});

describe('line ends in values', () => {
  test('make no header and no line of a log', async () => {
    const job = await api.create({ deploymentId: 'flights' });
    const reply = await api.request(`/batchPredictions/${job.id}/`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ logs: ['one\r\nJob done processing at 2026-01-01\u2028two\u0000\u001b[31m'] }),
    });
    expect(reply.status).toBe(200);
    const { logs } = (await reply.json()) as ShownJob;
    expect(logs).toHaveLength(2);
    for (const line of logs) expect(line).not.toMatch(/\p{Cc}|\u2028/u);
    await api.request(`/batchPredictions/${job.id}/`, { method: 'DELETE' });
  });

  test('are taken in no header of an output', async () => {
    for (const headers of [{ 'x-a': 'b\r\nx-evil: 1' }, { 'x-a\r\nx-evil': '1' }, { 'x a': '1' }, { '': '1' }])
      await refused({
        deploymentId: 'flights',
        outputSettings: { type: 'http', url: 'https://example.com/x', headers },
      });
  });

  test('in a host do not split what is answered', async () => {
    const reply = await raw('GET', '/api/v2/version/', { headers: { host: '127.0.0.1 x-evil' } }).catch(() => null);
    if (reply !== null) expect(reply.status).toBeGreaterThanOrEqual(400);
  });
});

describe('JSON that is made to do harm', () => {
  test.each([
    '{"deploymentId":"flights","__proto__":{"isAdmin":true}}',
    '{"deploymentId":"flights","constructor":{"prototype":{"isAdmin":true}}}',
    '{"deploymentId":"flights","csvSettings":{"__proto__":{"delimiter":";"}}}',
    '{"deploymentId":"flights","columnNamesRemapping":{"__proto__":"x"}}',
    '{"deploymentId":"flights","intakeSettings":{"type":"localFile","__proto__":{"multipart":true}}}',
    '{"__proto__":{"deploymentId":"flights"}}',
  ])('changes nothing beside itself: %s', async (body) => {
    const reply = await raw('POST', '/api/v2/batchPredictions/', {
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect([202, 422]).toContain(reply.status);
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
    expect(Object.prototype).not.toHaveProperty('isAdmin');
    if (reply.status !== 202) return;
    const { id, jobSpec } = JSON.parse(reply.text) as ShownJob;
    expect(jobSpec['csvSettings']).toMatchObject({ delimiter: ',' });
    await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' });
  });

  test.each([
    { what: 'deep', body: `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`, is: [400, 422] },
    {
      what: 'deep where nothing is served',
      body: `{"deploymentId":"flights","explanationClassNames":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      is: [422],
    },
    { what: 'no JSON', body: '{"deploymentId":', is: [400] },
    { what: 'not an object', body: '"flights"', is: [422] },
    { what: 'null', body: 'null', is: [422] },
    { what: 'a list', body: '[]', is: [422] },
    { what: 'no UTF-8', body: Buffer.from([0x22, 0xff, 0xfe, 0x22]), is: [400, 422] },
    { what: 'large', body: JSON.stringify({ deploymentId: 'x'.repeat(2_000_000) }), is: [413] },
    {
      what: 'of many fields',
      body: JSON.stringify(Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, i]))),
      is: [422],
    },
    { what: 'of huge numbers', body: '{"deploymentId":"flights","numConcurrent":1e400}', is: [422] },
  ])('is refused when it is $what', async ({ body, is }) => {
    const reply = await raw('POST', '/api/v2/batchPredictions/', {
      headers: { 'content-type': 'application/json' },
      body,
    });
    expect(is, reply.text.slice(0, 300)).toContain(reply.status);
    expect(reply.text.length).toBeLessThan(100_000);
    await works();
  });

  test('is not unpacked', async () => {
    const body = gzipSync(JSON.stringify({ deploymentId: 'flights', passthroughColumns: ['x'.repeat(100 * MIB)] }));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    const reply = await raw('POST', '/api/v2/batchPredictions/', { headers, body });
    expect([400, 415, 422]).toContain(reply.status);
  });
});

describe('uploads that are made to fill the memory', () => {
  /** A million times a chunk, if it is asked for. */
  function endless(head: string, text: string, most = 2 ** 30): ReadableStream {
    let sent = 0;
    const chunk = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)));
    return new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(head)),
      pull: (controller) => {
        if (sent >= most) return controller.close();
        sent += chunk.length;
        controller.enqueue(chunk);
      },
    });
  }

  test.each([
    { what: 'one field of a gigabyte', head: 'x\n', text: 'x', code: 'is larger than' },
    { what: 'a quote that is never closed', head: 'x\n"', text: 'line\n', code: 'is larger than' },
    { what: 'a header that does not end', head: '', text: 'name', code: 'is larger than' },
    { what: 'columns without end', head: '', text: 'a,b,c,d,', code: /columns|larger/ },
  ])('$what is ended with a reason', async ({ head, text, code }) => {
    const job = await api.create({ deploymentId: 'flights' });
    const before = process.memoryUsage().rss;
    const reply = await api.upload(job.id, endless(head, text)).catch(() => null);
    if (reply !== null) expect(reply.status).toBe(422);
    const ended = await api.ended(job.id);
    expect(ended.status).toBe('ABORTED');
    expect(ended.statusDetails).toMatch(code);
    expect(ended.statusDetails).not.toContain(api.state);
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
    await works();
  });

  test('a million columns are ended with a reason', async () => {
    const job = await api.create({ deploymentId: 'flights' });
    const names = Array.from({ length: 1_000_000 }, (_, i) => i.toString(36)).join(',');
    await api.upload(job.id, `${names}\n`);
    const ended = await api.ended(job.id);
    expect(ended.status).toBe('ABORTED');
    expect(ended.statusDetails.length).toBeLessThan(1000);
  });

  test('a packed upload is not taken', async () => {
    const job = await api.create({ deploymentId: 'flights' });
    const packed = gzipSync('x\n1\n');
    expect((await api.upload(job.id, Uint8Array.from(packed), { 'content-encoding': 'gzip' })).status).toBe(422);
    expect([202, 422]).toContain((await api.upload(job.id, Uint8Array.from(packed))).status);
    const ended = await api.ended(job.id);
    expect(ended.status).toBe('ABORTED');
  });
});

describe('packed intakes', () => {
  test('that unpack to more than a job may have are ended', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from('x\n'), Buffer.alloc(200 * MIB, '1234567\n')]));
    expect(bomb.length).toBeLessThan(MIB);
    web.bodies.set('/bomb.csv.gz', { bytes: bomb, etag: '"1"' });
    const job = await api.create({
      deploymentId: 'flights',
      intakeSettings: { type: 'http', url: `${web.url}/bomb.csv.gz` },
    });
    const ended = await api.ended(job.id, 55_000);
    expect(ended.status).toBe('ABORTED');
    expect(ended.statusDetails).toMatch(/5242880 bytes are the most/);
  });

  test('of one record are ended before they fill the memory', async () => {
    web.bodies.set('/record.csv.gz', {
      bytes: gzipSync(Buffer.concat([Buffer.from('x\n"'), Buffer.alloc(500 * MIB, 'x')])),
      etag: '"1"',
    });
    const before = process.memoryUsage().rss;
    const job = await api.create({
      deploymentId: 'flights',
      intakeSettings: { type: 'http', url: `${web.url}/record.csv.gz` },
    });
    const ended = await api.ended(job.id, 55_000);
    expect(ended.statusDetails).toMatch(/larger than/);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  });
});

describe('SQL in names', () => {
  const { signal } = new AbortController();
  beforeAll(async () => {
    await database.connection.execute('CREATE TABLE rows (x TEXT)', [], signal);
    await database.connection.execute("INSERT INTO rows VALUES ('1'), ('2')", [], signal);
    await database.connection.execute('CREATE TABLE kept (a TEXT)', [], signal);
  });
  const tables = async (): Promise<string[]> =>
    (await database.connection.query("SELECT name FROM sqlite_schema WHERE type = 'table'", [], signal)).map(([name]) =>
      String(name),
    );

  const evil = [
    'rows"; DROP TABLE kept; --',
    "rows'; DROP TABLE kept; --",
    'rows; DROP TABLE kept',
    'kept" (a) VALUES (1); DROP TABLE "kept',
    'rows" UNION SELECT sql FROM sqlite_schema --',
    '{{ current_run_timestamp }}"; DROP TABLE kept; --',
    '\u0000rows',
  ];

  test.each(evil)('of a table that is read stay a name: %j', async (table) => {
    const job = await api.create({
      deploymentId: 'flights',
      intakeSettings: { type: 'jdbc', dataStoreId: 'own', table },
    });
    const ended = await api.ended(job.id);
    expect(ended.status).toBe('ABORTED');
    expect(ended.statusDetails).not.toContain('password');
    expect(await tables()).toContain('kept');
  });

  test.each(evil)('of a table that is written stay a name: %j', async (table) => {
    const job = await api.create({
      deploymentId: 'flights',
      intakeSettings: { type: 'jdbc', dataStoreId: 'own', table: 'rows' },
      outputSettings: {
        type: 'jdbc',
        dataStoreId: 'own',
        table,
        statementType: 'insert',
        createTableIfNotExists: true,
      },
      columnNamesRemapping: { y_PREDICTION: 'p"); DROP TABLE kept; --' },
    });
    await api.ended(job.id);
    expect(await tables()).toContain('kept');
  });

  test.each(evil)('in filters of the list stay values: %j', async (text) => {
    for (const field of [
      'deploymentId',
      'modelId',
      'jobId',
      'hostname',
      'source',
      'intakeType',
      'batchPredictionJobDefinitionId',
    ]) {
      const reply = await api.request(`/batchPredictions/?${field}=${encodeURIComponent(text)}`);
      const answer = await reply.text();
      expect([200, 422], `${field}: ${answer}`).toContain(reply.status);
      if (reply.status === 200) expect((JSON.parse(answer) as { totalCount: number }).totalCount).toBe(0);
    }
    expect((await api.request(`/batchPredictions/?orderBy=${encodeURIComponent(text)}`)).status).toBe(422);
  });
});

describe('addresses that jobs may not connect to', () => {
  const hosts = [
    '127.0.0.1:22',
    'localhost',
    'localhost.',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '127。0。0。1',
    '①②⑦.0.0.1',
    '0',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:a9fe:a9fe]',
    '[64:ff9b::7f00:1]',
    '169.254.169.254',
    '10.0.0.1',
    '192.168.0.1',
    '172.16.0.1',
    '100.64.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '224.0.0.1',
    '0.0.0.0',
  ];

  test.each(hosts)('%s', async (host) => {
    const before = predictions.requests.length;
    for (const settings of [
      { intakeSettings: { type: 'http', url: `http://${host}/x.csv` } },
      { outputSettings: { type: 'http', url: `http://${host}/x.csv` } },
      { intakeSettings: { type: 's3', url: 's3://b/k', endpointUrl: `http://${host}` } },
      { outputSettings: { type: 's3', url: 's3://b/k', endpointUrl: `http://${host}` } },
      { predictionInstance: { hostName: host, sslEnabled: false } },
    ]) {
      const text = await refused({ deploymentId: 'flights', ...settings });
      expect(text).toMatch(/may not connect|must be/);
    }
    expect(predictions.requests.length).toBe(before);
  });

  test('by a redirect from one that they may', async () => {
    web.bodies.clear();
    const location = `${predictions.url}/secret`;
    web.fault = () => ({ status: 302, headers: { location } });
    try {
      const job = await api.create({
        deploymentId: 'flights',
        intakeSettings: { type: 'http', url: `${web.url}/rows.csv`, allowedHosts: [new URL(location).host] },
      });
      const ended = await api.ended(job.id);
      expect(ended.status).toBe('ABORTED');
      expect(ended.statusDetails).toMatch(/may not connect/);
    } finally {
      web.fault = () => null;
    }
  });
});

describe('ids that were used before', () => {
  test('a second upload under the same id is refused, a deleted job stays gone', async () => {
    const job = await api.create({ deploymentId: 'flights' });
    expect((await api.upload(job.id, 'x\n1\n')).status).toBe(202);
    await api.ended(job.id);
    expect((await api.upload(job.id, 'x\n666\n')).status).toBeGreaterThanOrEqual(400);
    expect(await api.result(job.id)).toBe('y_PREDICTION\n2\n');
    const waiting = await api.create({ deploymentId: 'flights' });
    expect((await api.request(`/batchPredictions/${waiting.id}/`, { method: 'DELETE' })).status).toBe(202);
    expect((await api.request(`/batchPredictions/${waiting.id}/`, { method: 'DELETE' })).status).toBe(409);
    expect((await api.upload(waiting.id, 'x\n1\n')).status).toBe(422);
    expect((await api.post(`/batchPredictions/${waiting.id}/csvUpload/finalizeMultipart/`)).status).toBe(422);
  });
});
