import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { createHttpStore } from '../../connectors/http/http-store.ts';
import { findSluiceError } from '../../src/core/error.ts';
import { type JobInput, type RunJobOptions, runJob } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { startModelServer } from '../../src/model-server/index.ts';
import { sluice, startSluice } from '../support/command-line.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { WebServer } from '../support/web-server.ts';

const root = join(import.meta.dirname, '../..');
const ROWS = 2_000;
const TEXT = `x,id\n${Array.from({ length: ROWS }, (_, i) => `${i},r${i}\n`).join('')}`;
const SCORED = `y_PREDICTION,id\n${Array.from({ length: ROWS }, (_, i) => `${2 * i},r${i}\n`).join('')}`;

let predictions: PredictionServer;
let web: WebServer;
let folder = '';

beforeAll(async () => {
  predictions = await PredictionServer.start();
});
afterAll(() => predictions.close());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-http-jobs-'));
  web = await WebServer.start();
  web.bodies.set('/in/rows.csv', { bytes: Buffer.from(TEXT), etag: '"1"', ranges: true });
});
afterEach(async () => {
  predictions.options = {};
  await web.close();
  rmSync(folder, { recursive: true, force: true });
});

type HttpOutput = Extract<JobInput['outputSettings'], { type: 'http' }>;

function jobOf(output: Partial<HttpOutput> = {}, more: Partial<JobInput> = {}): JobInput {
  return {
    deployment: { id: 'd', server: predictions.url },
    intakeSettings: { type: 'http', url: `${web.url}/in/rows.csv` },
    outputSettings: { type: 'http', url: `${web.url}/out/scored.csv`, spool: join(folder, 'scored.csv'), ...output },
    passthroughColumns: ['id'],
    ...more,
  };
}

async function run(job: JobInput, options: RunJobOptions = {}): Promise<void> {
  await runJob(job, { clock: new HurriedClock(), ...options }).result;
}

async function refusal(job: JobInput, options: RunJobOptions = {}): Promise<string> {
  const error = await run(job, options).then(
    () => null,
    (thrown: unknown) => findSluiceError(thrown),
  );
  return `${error?.code}: ${error?.message}`;
}

function at(path: string): string | undefined {
  return web.bodies.get(path)?.bytes.toString();
}

describe('a job from one address to another', () => {
  test('sends one body with its length and an idempotency key, and keeps the manifest', async () => {
    await run(jobOf({ token: 'abc', headers: { 'x-key': 'k' } }));
    expect(at('/out/scored.csv')).toBe(SCORED);
    expect(web.uploads).toHaveLength(1);
    expect(web.uploads[0]?.request).toMatchObject({
      method: 'PUT',
      headers: {
        'content-type': 'text/csv',
        'content-length': String(SCORED.length),
        'if-none-match': '*',
        authorization: 'Bearer abc',
        'x-key': 'k',
      },
    });
    expect(web.uploads[0]?.request.headers['idempotency-key']).toMatch(/^[0-9a-f]{64}$/);
    expect(readdirSync(folder).toSorted()).toEqual(['scored.csv.manifest.json', 'scored.csv.upload.json']);
  });

  test('packs by the ending of its path, posts, and sends chunks when told to', async () => {
    web.bodies.set('/in/rows.csv.gz', { bytes: gzipSync(TEXT), etag: '"1"' });
    const url = `${web.url}/out/scored.csv.gz`;
    const intakeSettings = { type: 'http', url: `${web.url}/in/rows.csv.gz` } as const;
    await run(jobOf({ url, method: 'POST', chunked: true }, { intakeSettings }));
    const [sent] = web.uploads;
    expect(sent?.request.method).toBe('POST');
    expect(sent?.request.headers['content-length']).toBeUndefined();
    expect(sent?.request.headers['transfer-encoding']).toBe('chunked');
    expect(sent?.request.headers['if-none-match']).toBeUndefined();
    expect(gunzipSync(sent!.bytes).toString()).toBe(SCORED);
  });

  test('is sent again, whole and under the same key, while the server breaks off, is overloaded or loses its answer', async () => {
    let puts = 0;
    web.fault = ({ method }) => {
      if (method !== 'PUT') return null;
      puts += 1;
      if (puts === 1) return { breakUploadAfter: 1 };
      if (puts === 2) return { status: 503, headers: { 'retry-after': '4' } };
      return puts === 3 ? { loseAnswer: true } : null;
    };
    const clock = new HurriedClock();
    await run(jobOf(), { clock });
    expect(at('/out/scored.csv')).toBe(SCORED);
    // The fourth attempt found what the third had left, and that it was the same.
    expect(puts).toBe(4);
    expect(clock.slept).toContain(4_000);
    const keys = web.requests.filter(({ method }) => method === 'PUT').map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(1);
  });

  test('is refused by a finished one, also when it was sent and nobody can see it, and done anew when told to', async () => {
    await run(jobOf());
    expect(await refusal(jobOf())).toMatch(/^OUTPUT_EXISTS: The output was sent to http:\S+ at 20/);
    expect(web.uploads).toHaveLength(1);
    await run(jobOf(), { overwrite: true });
    expect(web.uploads).toHaveLength(2);
    expect(web.uploads[1]?.request.headers['if-none-match']).toBeUndefined();
  });

  test('replaces nothing unasked: not what was there before, nor what somebody else puts there meanwhile', async () => {
    web.bodies.set('/out/scored.csv', { bytes: Buffer.from('mine') });
    const sent = predictions.requests.length;
    expect(await refusal(jobOf())).toMatch(/^OUTPUT_EXISTS: There is something at/);
    expect(predictions.requests).toHaveLength(sent);
    web.bodies.delete('/out/scored.csv');
    predictions.options = {
      respond: () => {
        web.bodies.set('/out/scored.csv', { bytes: Buffer.from('mine') });
        return undefined;
      },
    };
    expect(await refusal(jobOf())).toMatch(/^OUTPUT_EXISTS: There is something at/);
    expect(at('/out/scored.csv')).toBe('mine');
  });

  test.each([
    [401, /^STORE_ACCESS: .*does not know who asks/],
    [403, /^STORE_ACCESS: .*gives no right to write/],
    [404, /^OUTPUT_UNWRITABLE: There is no place/],
    [405, /^OUTPUT_UNWRITABLE: .*does not take this method/],
    [413, /^OUTPUT_UNWRITABLE: .*no body of this size/],
    [507, /^OUTPUT_FULL: /],
  ])(
    'that is answered %i keeps its output and sends it when that is corrected, without scoring a row again',
    async (status, words) => {
      web.fault = ({ method }) => (method === 'PUT' ? { status } : null);
      expect(await refusal(jobOf())).toMatch(words);
      expect(await refusal(jobOf())).toContain(`is kept in ${join(folder, 'scored.csv')}`);
      const scored = predictions.requests.length;
      web.fault = () => null;
      expect(await refusal(jobOf())).toMatch(/^OUTPUT_EXISTS: The output was sent to/);
      expect(predictions.requests).toHaveLength(scored);
      expect(at('/out/scored.csv')).toBe(SCORED);
      expect(existsSync(join(folder, 'scored.csv'))).toBe(false);
    },
  );

  test('follows a redirect with its body to the same host, and to no other', async () => {
    web.fault = ({ path }) =>
      path === '/out/scored.csv' ? { status: 307, headers: { location: '/there.csv' } } : null;
    await run(jobOf());
    expect(at('/there.csv')).toBe(SCORED);
    await using other = await WebServer.start();
    web.fault = ({ path, method }) =>
      path === '/out/2.csv' && method === 'PUT' ? { status: 307, headers: { location: `${other.url}/x` } } : null;
    const second = { url: `${web.url}/out/2.csv`, spool: join(folder, '2.csv') };
    expect(await refusal(jobOf(second))).toMatch(/^CONFIG_INVALID: .*another host/);
    expect(other.requests).toHaveLength(0);
    web.fault = ({ method }) => (method === 'PUT' ? { status: 302, headers: { location: '/y' } } : null);
    const third = { url: `${web.url}/out/3.csv`, spool: join(folder, '3.csv') };
    expect(await refusal(jobOf(third))).toMatch(/loses the body/);
  });

  test('shows no secret anywhere, and is continued with others', async () => {
    const url = (secret: string): string => `http://user:${secret}-1@${web.host}/out/scored.csv?signature=${secret}-2`;
    const input = (secret: string) =>
      ({ type: 'http', url: `http://user:${secret}-3@${web.host}/in/rows.csv?s=${secret}-4` }) as const;
    web.fault = ({ method }) => (method === 'PUT' ? { status: 403 } : null);
    const said = await refusal(jobOf({ url: url('hidden') }, { intakeSettings: input('hidden') }));
    expect(said).toMatch(/^STORE_ACCESS/);
    const kept = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
    const job = resolveJob(jobOf({ url: url('hidden'), headers: { a: 'hidden' }, token: 'hidden' }));
    expect(`${said}${kept.join('')}${JSON.stringify(job)}`).not.toContain('hidden');
    web.fault = () => null;
    const again = await refusal(jobOf({ url: url('other') }, { intakeSettings: input('other') }));
    expect(again).toMatch(/^OUTPUT_EXISTS: The output was sent/);
    expect(at('/out/scored.csv')).toBe(SCORED);
  });

  test('does not write over its intake', async () => {
    expect(await refusal(jobOf({ url: `${web.url}/in/rows.csv` }), { overwrite: true })).toMatch(
      /^CONFIG_INVALID: outputSettings.url: .*is the intake/,
    );
    expect(at('/in/rows.csv')).toBe(TEXT);
  });

  test('keeps dead letters beside its spool, or where it is told', async () => {
    predictions.options = { reject: ([x]) => (x === '7' ? 'no sevens' : null) };
    await run(jobOf());
    expect(readFileSync(join(folder, 'scored.csv.dead.jsonl'), 'utf8')).toContain('no sevens');
    const path = join(folder, 'letters.jsonl');
    await run(jobOf({ url: `${web.url}/out/2.csv`, spool: join(folder, '2.csv') }, { deadLetters: { path } }));
    expect(readFileSync(path, 'utf8')).toContain('no sevens');
  });
});

test('http-to-http.yaml runs as it stands', async () => {
  const models = await startModelServer({ models: join(root, 'models'), port: 0 });
  web.bodies.set('/flights.csv', { bytes: readFileSync(join(root, 'config/examples/flights.csv')), etag: '"1"' });
  const ended = await sluice(['run', join(root, 'config/examples/http-to-http.yaml')], {
    cwd: folder,
    env: {
      PREDICTION_SERVER: models.url,
      PREDICTION_TOKEN: '',
      FLIGHTS_URL: `${web.url}/flights.csv`,
      SCORES_URL: `${web.url}/scored.csv`,
    },
  });
  await models.close();
  expect(ended.stderr).toMatch(/http:\/\/\S+\/scored\.csv: 200 rows scored/);
  expect(ended.code).toBe(0);
  expect(at('/scored.csv')?.split('\n')).toHaveLength(202);
});

describe('whether an output could be sent', () => {
  async function check(status: number, output: Partial<HttpOutput> = {}, overwrite = false): Promise<string> {
    web.fault = () => (status === 0 ? null : { status });
    const { outputSettings } = resolveJob(jobOf(output));
    if (outputSettings.type !== 'http') throw new Error('no output of HTTP');
    const { url, method, spool, chunked } = outputSettings;
    await using store = createHttpStore({
      settings: { connectMs: 100 },
      upload: { method, chunked, contentType: 'text/csv', spool: { store: createFileStore(), path: spool! } },
      clock: new HurriedClock(),
    });
    const error = await store.checkOutput!(url.reveal(), { overwrite }, new AbortController().signal).then(
      () => null,
      (thrown: unknown) => findSluiceError(thrown),
    );
    return error === null ? 'it could' : `${error?.code}: ${error?.message}`;
  }

  test('is told without sending anything, in words of its own for each reason, and leaves nothing behind', async () => {
    const before = web.uploads.length;
    expect(await check(404)).toBe('it could');
    expect(await check(405, { method: 'POST' })).toBe('it could');
    expect(await check(401)).toMatch(/^STORE_ACCESS: .*does not know who asks/);
    expect(await check(403)).toMatch(/^STORE_ACCESS: .*gives no right to write/);
    // A signature may be for the upload alone.
    expect(await check(403, { url: `${web.url}/out/scored.csv?signature=s` })).toBe('it could');
    web.bodies.set('/out/scored.csv', { bytes: Buffer.from('there') });
    expect(await check(0)).toMatch(/^OUTPUT_EXISTS: There is something at/);
    expect(await check(0, {}, true)).toBe('it could');
    expect(await check(0, { url: 'http://127.0.0.1:1/x' })).toMatch(/^STORE_UNREACHABLE: .*cannot be reached/);
    expect(await check(0, { spool: join(folder, 'not/there/yet.csv') })).toMatch(/^OUTPUT_EXISTS/);
    expect(web.uploads).toHaveLength(before);
    expect(readdirSync(folder)).toEqual([]);
    web.bodies.delete('/out/scored.csv');
    web.fault = () => null;
    await run(jobOf());
    web.bodies.delete('/out/scored.csv');
    expect(await check(0)).toMatch(/^OUTPUT_EXISTS: The output was sent to/);
    writeFileSync(join(folder, 'a-file'), '');
    expect(await check(0, { spool: join(folder, 'a-file/x.csv') })).toMatch(/^OUTPUT_UNWRITABLE: .*cannot be kept in/);
  });
});

describe('a large body', () => {
  const BYTES = Buffer.alloc(8 * 1024 * 1024, 'some bytes of a row\n');

  /** Sends the bytes, as a finished output is sent. */
  async function send(url: string): Promise<string> {
    const { signal } = new AbortController();
    const spool = { store: createFileStore(), path: join(folder, 'large.csv') };
    const upload = { method: 'PUT', chunked: false, contentType: 'text/csv', spool } as const;
    await using store = createHttpStore({ upload, clock: new HurriedClock() });
    try {
      await using staged = await store.stage(url, { overwrite: true }, signal);
      await staged.append('rows', BYTES, signal);
      await staged.publish({}, signal);
      return 'sent';
    } catch (error) {
      return `${findSluiceError(error)?.code}`;
    }
  }

  test('is not sent to a server that refuses it, and whole to one that takes it', async () => {
    web.fault = () => ({ status: 401 });
    expect(await send(`${web.url}/large.csv`)).toBe('STORE_ACCESS');
    expect(web.bytesReceived).toBeLessThan(2_000);
    web.fault = () => null;
    expect(await send(`${web.url}/large.csv`)).toBe('sent');
    expect(web.bodies.get('/large.csv')?.bytes.equals(BYTES)).toBe(true);
  });

  test('is sent to a server that knows nothing of being asked first', async () => {
    const { promise: received, resolve } = Promise.withResolvers<number>();
    const server = createServer((socket) => {
      let bytes = 0;
      let head = -1;
      socket.on('data', (chunk) => {
        if (head < 0) head = chunk.indexOf('\r\n\r\n') + 4;
        bytes += chunk.length;
        if (bytes < head + BYTES.length) return;
        resolve(bytes - head);
        socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
      });
    });
    await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
    const { port } = server.address() as AddressInfo;
    expect(await send(`http://127.0.0.1:${port}/large.csv`)).toBe('sent');
    expect(await received).toBe(BYTES.length);
    server.close();
  });
});

describe('a job that is killed', () => {
  function jobFile(more: object): string {
    const path = join(folder, 'job.json');
    writeFileSync(path, JSON.stringify({ ...jobOf(), ...more }));
    return path;
  }

  test('while it scores is continued to the same bytes', async () => {
    const path = jobFile({ numConcurrent: 1, chunkRows: 50 });
    const first = startSluice(['run', path]);
    const before = predictions.requests.length;
    let killed = false;
    predictions.options = {
      respond: () => {
        if (predictions.requests.length - before < ROWS / 100) return undefined;
        if (!killed) killed = first.process.kill('SIGKILL');
        return { drop: 'before' };
      },
    };
    expect((await first.ended).code).toBeNull();
    predictions.options = {};
    expect(web.uploads).toHaveLength(0);
    expect(await sluice(['run', path])).toMatchObject({ code: 0 });
    expect(at('/out/scored.csv')).toBe(SCORED);
  });

  test('while it sends is completed by the next run: the same bytes under the same key, replacing what it was to replace', async () => {
    web.bodies.set('/out/scored.csv', { bytes: Buffer.from('old') });
    const path = jobFile({});
    const first = startSluice(['run', path, '--overwrite']);
    let killed = false;
    web.fault = ({ method }) => {
      if (method !== 'PUT' || killed) return null;
      killed = first.process.kill('SIGKILL');
      return { never: true };
    };
    expect((await first.ended).code).toBeNull();
    expect(at('/out/scored.csv')).toBe('old');
    const before = predictions.requests.length;
    const second = await sluice(['run', path]);
    expect(second.stderr).toMatch(/OUTPUT_EXISTS: The output was sent to http/);
    expect(at('/out/scored.csv')).toBe(SCORED);
    expect(predictions.requests).toHaveLength(before);
    const keys = web.requests.filter(({ method }) => method === 'PUT').map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
  });
});

test.each([
  [{ type: 'http', url: 'ftp://a/b' }, 'must be an http:// or https:// address'],
  [{ type: 'http', url: 'http://a/b', body: 'x' }, 'is for method: POST'],
  [{ type: 'http', url: 'http://a/b', headers: { 'bad name': 'x' } }, 'headers'],
  [{ type: 'http', url: 'http://a/b', headers: { a: 'hidden\nvalue' } }, 'headers'],
])('an intake of %j is refused: %s', (intakeSettings, words) => {
  const deployment = { id: 'd', server: 'http://127.0.0.1' };
  const resolved = () => resolveJob({ deployment, intakeSettings, outputSettings: { path: 'o' } });
  expect(resolved).toThrow(words);
  expect(resolved).not.toThrow('hidden');
});

test('a live topic cannot be sent to an address', () => {
  const resolved = () =>
    resolveJob({
      deployment: { id: 'd', server: 'http://127.0.0.1' },
      kafka: { brokers: '127.0.0.1:9092' },
      intakeSettings: { type: 'kafka', topic: 't', group: 'g' },
      outputSettings: { type: 'http', url: 'http://a/b' },
    });
  expect(resolved).toThrow('http cannot take a live topic');
});
