import { existsSync, readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ShownJob } from '../../support/api-client.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { type Behaviour, PredictionServer } from '../../support/prediction-server.ts';
import { until } from '../../support/until.ts';

let server: PredictionServer;
let api: ApiServer;
let respond: () => Behaviour | undefined;
beforeEach(async () => {
  respond = () => undefined;
  server = await PredictionServer.start({ respond: () => respond() });
  api = await startApi({
    deployments: { d: server.url },
    server: { uploadIdleSeconds: 5, allowTargets: ['127.0.0.1'] },
  });
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await server.close();
});

const rows = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${from + i},x${from + i}\n`).join('');
const scoredRows = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${2 * (from + i)},${from + i}\n`).join('');
const HEADER = 'id,x\n';
const SCORED = 'y_PREDICTION,id\n';
/** Small batches that are sent as soon as they can be. */
const BODY = { deploymentId: 'd', passthroughColumns: ['id'], chunkRows: 100, lingerMs: 0 };

/** A body that is sent as the test goes on. */
function throttled(): {
  readonly stream: ReadableStream<Uint8Array>;
  send(text: string): void;
  end(): void;
  fail(): void;
} {
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
  });
  return {
    stream,
    send: (text) => controller.enqueue(Buffer.from(text)),
    end: () => controller.close(),
    fail: () => controller.error(new Error('the line broke')),
  };
}

/** Sends the head of a PUT and some of its body over a connection of its own, which the test then closes or keeps. */
async function rawPut(id: string, head: readonly string[], body: string) {
  const { hostname, port } = new URL(api.base);
  const socket = connect(Number(port), hostname);
  let reply = '';
  socket.on('data', (chunk: Buffer) => (reply += chunk.toString()));
  socket.on('error', () => undefined);
  const lines = [`PUT /api/v2/batchPredictions/${id}/csvUpload/ HTTP/1.1`, `Host: ${hostname}:${port}`, ...head];
  await new Promise<void>((resolve) => socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`, () => resolve()));
  return { socket, reply: () => reply };
}

const spooled = (id: string): string => join(api.state, 'jobs', id, 'intake/part-000000.csv');

async function bytesSpooled(id: string): Promise<number> {
  const { statSync } = await import('node:fs');
  return statSync(spooled(id), { throwIfNoEntry: false })?.size ?? 0;
}

async function message(reply: Response): Promise<string> {
  expect(reply.headers.get('content-type')).toBe('application/json');
  return ((await reply.json()) as { message: string }).message;
}

test('F16: a job without an upload waits, and has nothing to download', async () => {
  const { id } = await api.create(BODY);
  const job = await api.job(id);
  expect(job).toMatchObject({ status: 'INITIALIZING', queuePosition: null, links: { download: null } });
  expect((await api.request(`/batchPredictions/${id}/download/`)).status).toBe(404);
});

describe('F17: an upload', () => {
  test.each(['text/csv', 'text/csv; encoding=utf-8', 'text/csv; charset=utf-8', 'TEXT/CSV'])(
    'as %s is taken',
    async (type) => {
      const { id } = await api.create(BODY);
      expect((await api.upload(id, HEADER + rows(0, 3), { 'content-type': type })).status).toBe(202);
      await api.ended(id);
      expect(await api.result(id)).toBe(SCORED + scoredRows(0, 3));
    },
  );

  test('of unknown length is taken', async () => {
    const { id } = await api.create(BODY);
    const body = throttled();
    const put = api.upload(id, body.stream);
    body.send(HEADER + rows(0, 3));
    body.end();
    expect((await put).status).toBe(202);
    await api.ended(id);
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 3));
  });

  test('without its content type, or with another, is 406; the job waits on', async () => {
    const { id } = await api.create(BODY);
    for (const type of ['application/json', 'application/octet-stream', 'text/plain']) {
      const reply = await api.upload(id, type === 'application/json' ? '[]' : HEADER, { 'content-type': type });
      expect(reply.status).toBe(406);
      expect(await message(reply)).toContain('text/csv');
    }
    expect((await api.job(id)).status).toBe('INITIALIZING');
    expect((await api.upload(id, HEADER + rows(0, 3))).status).toBe(202);
  });

  test('that is empty is 422, and may be sent again', async () => {
    const { id } = await api.create(BODY);
    const reply = await api.upload(id, '');
    expect(reply.status).toBe(422);
    expect(await message(reply)).toContain('empty');
    expect((await api.upload(id, HEADER + rows(0, 3))).status).toBe(202);
    expect((await api.ended(id)).status).toBe('COMPLETED');
  });

  test('to a job that reads elsewhere is 422; to none 404', async () => {
    const { id } = await api.create({
      deploymentId: 'd',
      intakeSettings: { type: 's3', url: 's3://b/k', endpointUrl: 'http://127.0.0.1:1' },
    });
    expect((await api.upload(id, HEADER)).status).toBe(422);
    expect((await api.upload('0'.repeat(24), HEADER)).status).toBe(404);
    await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' });
  });

  test('behind one that has ended is 409, whatever it holds', async () => {
    const { id } = await api.create(BODY);
    expect((await api.upload(id, HEADER + rows(0, 3))).status).toBe(202);
    for (const body of [HEADER + rows(0, 3), HEADER + rows(0, 4)])
      expect((await api.upload(id, body)).status).toBe(409);
    expect((await api.ended(id)).status).toBe('COMPLETED');
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 3));
  });

  test('that was answered by a server that is gone may come again, and must be the same', async () => {
    const gate = Promise.withResolvers<void>();
    respond = () => ({ after: gate.promise });
    const { id } = await api.create({ ...BODY, intakeSettings: { type: 'localFile', async: false } });
    const busy = await api.create(BODY);
    await api.upload(busy.id, HEADER + rows(0, 3));
    await api.until(busy.id, ({ status }) => status === 'RUNNING');
    await api.upload(id, HEADER + rows(0, 300));
    const { state } = api;
    gate.resolve();
    await api.server.close();
    await using later = await startApi({ deployments: { d: server.url }, state });
    await later.ended(id);
    expect((await later.upload(id, HEADER + rows(0, 301))).status).toBe(409);
    expect((await later.upload(id, HEADER + rows(0, 299))).status).toBe(409);
    expect((await later.upload(id, HEADER + rows(0, 300))).status).toBe(202);
    expect(await later.result(id)).toBe(SCORED + scoredRows(0, 300));
  });

  test('beside another one that goes on is 409', async () => {
    const { id } = await api.create(BODY);
    const body = throttled();
    const put = api.upload(id, body.stream);
    body.send(HEADER);
    await until(async () => (await bytesSpooled(id)) > 0, 'the first bytes');
    expect((await api.upload(id, HEADER + rows(0, 3))).status).toBe(409);
    body.send(rows(0, 3));
    body.end();
    expect((await put).status).toBe(202);
  });

  test.each([
    ['a ragged row', `${HEADER}1,a\n2\n`, /1 field where the header has 2/],
    ['a quote that never ends', `${HEADER}1,"a\n2,b\n`, /quote/],
    ['bytes that are not UTF-8', Buffer.from('id,x\n1,\xe9\n', 'latin1'), /utf-8/],
    ['no rows', HEADER, /no rows/],
  ])('with %s aborts the job with the reason', async (_, csv, reason) => {
    const { id } = await api.create(BODY);
    await api.upload(id, csv);
    const job = await api.ended(id);
    expect(job.status).toBe('ABORTED');
    expect(job.statusDetails).toMatch(reason);
    expect(job.statusDetails).not.toContain(api.state);
    expect((await api.request(`/batchPredictions/${id}/download/`)).status).toBe(422);
    expect((await api.upload(id, csv)).status).toBe(422);
  });
});

test('F18, F19, F23: rows are scored and downloaded while the upload goes on, and links.download is there with RUNNING', async () => {
  const { id } = await api.create(BODY);
  const body = throttled();
  let isUploaded = false;
  const put = api.upload(id, body.stream).then((reply) => {
    isUploaded = true;
    return reply;
  });
  body.send(HEADER + rows(0, 1_000));
  const seen: ShownJob[] = [];
  await api.until(id, (job) => {
    seen.push(job);
    return job.status === 'RUNNING';
  });
  for (const { status, links } of seen) expect(links.download !== null).toBe(status === 'RUNNING');
  const download = await api.request(`/batchPredictions/${id}/download/`);
  expect(download.status).toBe(200);
  expect(download.headers.get('content-encoding')).toBeNull();
  const reader = download.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.length < SCORED.length + 500) text += (await reader.read()).value ?? '';
  expect(isUploaded).toBe(false);
  expect((SCORED + scoredRows(0, 1_000)).startsWith(text)).toBe(true);
  body.send(rows(1_000, 2_000));
  body.end();
  expect((await put).status).toBe(202);
  for (let next = await reader.read(); !next.done; next = await reader.read()) text += next.value;
  expect(text).toBe(SCORED + scoredRows(0, 2_000));
  expect((await api.ended(id)).status).toBe('COMPLETED');
});

test('F20, F22: an upload is taken at its own pace while the prediction server is silent', async () => {
  const gate = Promise.withResolvers<void>();
  respond = () => ({ after: gate.promise });
  const { id } = await api.create(BODY);
  const chunk = rows(0, 10_000).repeat(4);
  const begun = performance.now();
  const reply = await api.upload(id, HEADER + chunk.repeat(50));
  expect(reply.status).toBe(202);
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect((await api.job(id)).status).toBe('RUNNING');
  gate.resolve();
  await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' });
});

describe('F21: an upload that broke off', () => {
  const whole = HEADER + rows(0, 5_000);

  test.each(['cut', 'reset'])('(%s) and is sent again doubles no row and does not end the job', async (how) => {
    const { id } = await api.create(BODY);
    const half = whole.slice(0, 20_011);
    const first = await rawPut(id, ['Content-Type: text/csv', `Content-Length: ${whole.length}`], half);
    await until(async () => (await bytesSpooled(id)) === half.length, 'the first half');
    await api.until(id, ({ status }) => status === 'RUNNING');
    if (how === 'cut') first.socket.destroy();
    else first.socket.resetAndDestroy();
    expect((await api.upload(id, whole)).status).toBe(202);
    expect((await api.ended(id)).status).toBe('COMPLETED');
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 5_000));
  });

  test('is continued with Content-Range, from where it broke off or before', async () => {
    const { id } = await api.create(BODY);
    const first = await rawPut(
      id,
      ['Content-Type: text/csv', `Content-Length: ${whole.length}`],
      whole.slice(0, 20_011),
    );
    await until(async () => (await bytesSpooled(id)) === 20_011, 'the first half');
    first.socket.destroy();
    const range = (from: number): object => ({ 'content-range': `bytes ${from}-${whole.length - 1}/${whole.length}` });
    expect((await api.upload(id, whole.slice(30_000), range(30_000))).status).toBe(422);
    expect((await api.upload(id, whole.slice(19_000), range(19_000))).status).toBe(202);
    expect((await api.ended(id)).status).toBe('COMPLETED');
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 5_000));
  });

  test('and is sent again with other rows ends the job, with the reason, where some were scored', async () => {
    const { id } = await api.create(BODY);
    const first = await rawPut(
      id,
      ['Content-Type: text/csv', `Content-Length: ${whole.length}`],
      whole.slice(0, 20_011),
    );
    await api.until(id, ({ status }) => status === 'RUNNING');
    await until(async () => (await bytesSpooled(id)) === 20_011, 'the first half');
    first.socket.destroy();
    const reply = await api.upload(id, HEADER + rows(7, 5_000));
    expect(reply.status).toBe(422);
    expect(await message(reply)).toMatch(/differs from byte \d+/);
    expect(await api.ended(id)).toMatchObject({ status: 'ABORTED', statusDetails: expect.stringMatching(/differs/) });
  });

  test('and is sent again with other rows takes the place of the first where none were scored', async () => {
    const { id } = await api.create({ ...BODY, intakeSettings: { type: 'localFile', async: false } });
    const first = await rawPut(
      id,
      ['Content-Type: text/csv', `Content-Length: ${whole.length}`],
      whole.slice(0, 20_011),
    );
    await until(async () => (await bytesSpooled(id)) === 20_011, 'the first half');
    first.socket.destroy();
    expect((await api.job(id)).status).toBe('INITIALIZING');
    expect((await api.upload(id, HEADER + rows(7, 2_000))).status).toBe(202);
    expect((await api.ended(id)).status).toBe('COMPLETED');
    expect(await api.result(id)).toBe(SCORED + scoredRows(7, 2_000));
  });

  test('and is not continued ends the job, which would keep others waiting', async () => {
    await using strict = await startApi({ deployments: { d: server.url }, server: { uploadResumeSeconds: 0.5 } });
    const { id } = await strict.create(BODY);
    const body = throttled();
    const put = strict.upload(id, body.stream);
    body.send(HEADER + rows(0, 10));
    await strict.until(id, ({ status }) => status === 'RUNNING');
    const other = await strict.create(BODY);
    await strict.upload(other.id, HEADER + rows(0, 10));
    body.fail();
    await expect(put).rejects.toThrow();
    const job = await strict.ended(id);
    expect(job).toMatchObject({ status: 'ABORTED', statusDetails: expect.stringMatching(/upload broke off/) });
    expect((await strict.ended(other.id)).status).toBe('COMPLETED');
  });

  test('because it was silent for too long may be sent again', async () => {
    await using impatient = await startApi({
      deployments: { d: server.url },
      server: { uploadIdleSeconds: 0.2 },
    });
    const { id } = await impatient.create(BODY);
    const body = throttled();
    const put = impatient.upload(id, body.stream);
    body.send(HEADER + rows(0, 10));
    await expect(put).rejects.toThrow();
    expect((await impatient.upload(id, HEADER + rows(0, 10))).status).toBe(202);
    expect((await impatient.ended(id)).status).toBe('COMPLETED');
    expect(await impatient.result(id)).toBe(SCORED + scoredRows(0, 10));
  });
});

describe('F23: a download', () => {
  test('is cut off without its last chunk when the job is aborted', async () => {
    const gate = Promise.withResolvers<void>();
    let sent = 0;
    respond = () => ((sent += 1) > 3 ? { after: gate.promise } : undefined);
    const { id } = await api.create({ ...BODY, numConcurrent: 1 });
    await api.upload(id, HEADER + rows(0, 5_000));
    await api.until(id, ({ status }) => status === 'RUNNING');
    const reply = await api.request(`/batchPredictions/${id}/download/`);
    const reader = reply.body!.getReader();
    expect((await reader.read()).done).toBe(false);
    expect((await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).status).toBe(202);
    const rest = async (): Promise<void> => {
      while (!(await reader.read()).done);
    };
    await expect(rest()).rejects.toThrow();
    expect((await api.job(id)).status).toBe('ABORTED');
    gate.resolve();
  });

  test('that broke off is continued with Range, also of a result that still grows', async () => {
    const { id } = await api.create(BODY);
    const body = throttled();
    const put = api.upload(id, body.stream);
    body.send(HEADER + rows(0, 1_000));
    await api.until(id, ({ status }) => status === 'RUNNING');
    const url = `/batchPredictions/${id}/download/`;
    const part = await api.request(url, { headers: { range: 'bytes=5-' } });
    expect(part.status).toBe(206);
    const text = await part.text();
    expect(part.headers.get('content-range')).toBe(`bytes 5-${4 + text.length}/*`);
    const whole = SCORED + scoredRows(0, 2_000);
    expect(whole.slice(5).startsWith(text)).toBe(true);
    body.send(rows(1_000, 2_000));
    body.end();
    await put;
    await api.ended(id);
    const rest = await api.request(url, { headers: { range: `bytes=${5 + text.length}-` } });
    expect(rest.status).toBe(206);
    expect(rest.headers.get('content-range')).toBe(`bytes ${5 + text.length}-${whole.length - 1}/${whole.length}`);
    expect(whole.slice(0, 5) + text + (await rest.text())).toBe(whole);
    expect((await api.request(url, { headers: { range: `bytes=${whole.length}-` } })).status).toBe(416);
    expect(await (await api.request(url, { headers: { range: 'bytes=0-9' } })).text()).toBe(whole.slice(0, 10));
  });

  test('whose client goes away leaves nothing open', async () => {
    const gate = Promise.withResolvers<void>();
    respond = () => ({ after: gate.promise });
    const { id } = await api.create(BODY);
    await api.upload(id, HEADER + rows(0, 10));
    await api.until(id, ({ status }) => status === 'RUNNING');
    const leaving = new AbortController();
    const reply = api.request(`/batchPredictions/${id}/download/`, { signal: leaving.signal });
    setTimeout(() => leaving.abort(), 50);
    await expect(reply).rejects.toThrow();
    gate.resolve();
    await api.ended(id);
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 10));
  });
});

test('F24: a download is text/csv under the name result-<id>.csv, and 406 for those who take only JSON', async () => {
  const { id } = await api.create(BODY);
  await api.upload(id, HEADER + rows(0, 3));
  await api.ended(id);
  const url = `/batchPredictions/${id}/download/`;
  for (const accept of ['*/*', 'text/csv', 'application/json, text/csv;q=0.5', 'text/*']) {
    const reply = await api.request(url, { headers: { accept, 'accept-encoding': 'gzip, deflate' } });
    expect(reply.status).toBe(200);
    expect(reply.headers.get('content-type')).toMatch(/^text\/csv/);
    expect(reply.headers.get('content-disposition')).toBe(`attachment;filename=result-${id}.csv`);
    expect(reply.headers.get('content-encoding')).toBeNull();
    expect(await reply.text()).toBe(SCORED + scoredRows(0, 3));
  }
  const reply = await api.request(url, { headers: { accept: 'application/json' } });
  expect(reply.status).toBe(406);
  expect(reply.headers.get('content-disposition')).toBeNull();
  await message(reply);
});

test('F25: a result is the same however often it is downloaded, until it is removed: then 404 and resultsDeleted', async () => {
  const { id } = await api.create(BODY);
  await api.upload(id, HEADER + rows(0, 300));
  await api.ended(id);
  expect(await api.result(id)).toBe(await api.result(id));
  const { state } = api;
  await api.server.close();
  await using later = await startApi({ deployments: { d: server.url }, server: { retentionHours: 0 }, state });
  const job = await later.until(id, ({ resultsDeleted }) => resultsDeleted);
  expect(job).toMatchObject({ status: 'COMPLETED', links: { download: null } });
  const reply = await later.request(`/batchPredictions/${id}/download/`);
  expect(reply.status).toBe(404);
  expect(await message(reply)).toMatch(/removed/);
  await until(() => !existsSync(join(state, 'jobs', id)), 'the folder of the job is gone');
});

describe('F26: an upload in parts', () => {
  const put = (id: string, number: number, csv: string, slash = '') =>
    api.request(`/batchPredictions/${id}/csvUpload/part/${number}${slash}`, {
      method: 'PUT',
      headers: { 'content-type': 'text/csv' },
      body: csv,
    });
  const finalize = (id: string, slash = '') =>
    api.request(`/batchPredictions/${id}/csvUpload/finalizeMultipart${slash}`, { method: 'POST' });
  const parts = (asynchronous: boolean): object => ({
    ...BODY,
    intakeSettings: { type: 'localFile', multipart: true, async: asynchronous },
  });

  test.each([true, false])(
    '(async %s) is one data set: the header of later parts is left out',
    async (asynchronous) => {
      const { id } = await api.create(parts(asynchronous));
      // The clients' own parts have CR LF; the last line of a part may lack its end.
      expect((await put(id, 0, (HEADER + rows(0, 500)).replaceAll('\n', '\r\n'))).status).toBe(202);
      expect((await put(id, 1, (HEADER + rows(500, 600)).trimEnd())).status).toBe(202);
      expect((await put(id, 1, (HEADER + rows(500, 600)).trimEnd(), '/')).status).toBe(202);
      expect((await put(id, 1, HEADER + rows(500, 601))).status).toBe(422);
      expect((await put(id, 2, HEADER + rows(600, 1_000), '/')).status).toBe(202);
      if (asynchronous) await api.until(id, ({ status }) => status === 'RUNNING');
      else expect((await api.job(id)).status).toBe('INITIALIZING');
      expect((await finalize(id)).status).toBe(202);
      expect((await api.ended(id)).status).toBe('COMPLETED');
      expect(await api.result(id)).toBe(SCORED + scoredRows(0, 1_000));
    },
  );

  test('may come in any order, and is not ended with one missing', async () => {
    const { id } = await api.create(parts(true));
    await put(id, 2, HEADER + rows(20, 30));
    await put(id, 0, HEADER + rows(0, 10));
    const reply = await finalize(id);
    expect(reply.status).toBe(422);
    expect(await message(reply)).toContain('Part 1');
    await put(id, 1, HEADER + rows(10, 20));
    expect((await finalize(id, '/')).status).toBe(202);
    await api.ended(id);
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 30));
    expect((await put(id, 3, HEADER + rows(30, 40))).status).toBe(409);
  });

  test('with another header is 422; so are parts of a job that takes one, and one of a job that takes parts', async () => {
    const { id } = await api.create(parts(true));
    await put(id, 0, HEADER + rows(0, 10));
    const reply = await put(id, 1, 'id,y\n1,2\n');
    expect(reply.status).toBe(422);
    expect(await message(reply)).toContain('another header');
    expect((await put(id, 1, '')).status).toBe(422);
    expect((await api.upload(id, HEADER)).status).toBe(422);
    const single = await api.create(BODY);
    expect((await put(single.id, 0, HEADER)).status).toBe(422);
    expect((await finalize(single.id)).status).toBe(422);
    expect((await finalize(single.id)).status).toBe(422);
    expect((await put(id, -1, HEADER)).status).toBe(422);
  });

  test('with line ends in its header is joined behind it', async () => {
    const { id } = await api.create(parts(false));
    const header = 'id,"x\ny"\n';
    await put(id, 0, header + rows(0, 10));
    await put(id, 1, header + rows(10, 20));
    await finalize(id);
    await api.ended(id);
    expect(await api.result(id)).toBe(SCORED + scoredRows(0, 20));
  });
});

test('F27: a job that is deleted while it waits is ABORTED, and nothing of it remains', async () => {
  const gate = Promise.withResolvers<void>();
  respond = () => ({ after: gate.promise });
  const running = await api.create(BODY);
  await api.upload(running.id, HEADER + rows(0, 10));
  await api.until(running.id, ({ status }) => status === 'RUNNING');
  const { id } = await api.create(BODY);
  await api.upload(id, HEADER + rows(0, 10));
  expect(await api.job(id)).toMatchObject({ status: 'INITIALIZING', queuePosition: 1 });
  expect((await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).status).toBe(202);
  expect((await api.job(id)).status).toBe('ABORTED');
  expect((await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).status).toBe(409);
  await until(() => !readdirSync(join(api.state, 'jobs')).includes(id), 'the folder is gone');
  gate.resolve();
  expect((await api.ended(running.id)).status).toBe('COMPLETED');
});

test('F28: a job that is deleted during its upload ends the upload with 422, and so a later one', async () => {
  const { id } = await api.create(BODY);
  const body = HEADER + rows(0, 100);
  const put = await rawPut(id, ['Content-Type: text/csv', 'Content-Length: 1000000'], body);
  await until(async () => (await bytesSpooled(id)) === body.length, 'the first bytes');
  expect((await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).status).toBe(202);
  await until(() => put.reply().includes('HTTP/1.1 422'), 'the reply to the upload');
  expect(put.reply()).toContain('application/json');
  put.socket.destroy();
  expect((await api.upload(id, body)).status).toBe(422);
  await until(() => !existsSync(join(api.state, 'jobs', id)), 'the folder of the job is gone');
});

test('an upload whose last byte comes when the folder of its deleted job is gone is answered with 422', async () => {
  const { id } = await api.create({ ...BODY, intakeSettings: { type: 'localFile', async: false } });
  const body = HEADER + rows(0, 100);
  const put = await rawPut(id, ['Content-Type: text/csv', `Content-Length: ${body.length + 1}`], body);
  await until(async () => (await bytesSpooled(id)) === body.length, 'the first bytes');
  expect((await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' })).status).toBe(202);
  await until(() => !existsSync(join(api.state, 'jobs', id)), 'the folder of the job is gone');
  put.socket.write('\n');
  await until(() => put.reply().includes('HTTP/1.1 '), 'the reply to the upload');
  expect(put.reply()).toContain('HTTP/1.1 422');
  put.socket.destroy();
});

test('a client that goes on sending to a job that is gone gets its answer, and all it sends is read', async () => {
  const { id } = await api.create(BODY);
  await api.request(`/batchPredictions/${id}/`, { method: 'DELETE' });
  const { hostname, port } = new URL(api.base);
  const status = await new Promise<number>((resolve, reject) => {
    const put = httpRequest(
      {
        hostname,
        port,
        method: 'PUT',
        path: `/api/v2/batchPredictions/${id}/csvUpload/`,
        headers: { 'content-type': 'text/csv' },
      },
      (reply) => resolve(reply.statusCode ?? 0),
    );
    put.on('error', reject);
    const chunk = Buffer.alloc(1_000_000, 'x');
    for (let i = 0; i < 30; i += 1) put.write(chunk);
    put.end();
  });
  expect(status).toBe(422);
});

describe('F29: csvSettings are those of the upload and of the result', () => {
  test.each([
    ['tab', '"', 'utf-8', '\t'],
    [';', "'", 'latin_1', ';'],
    ['|', '"', 'shift_jis', '|'],
    [',', '"', 'utf-16', ','],
  ])('%s %s %s', async (delimiter, quotechar, encoding, mark) => {
    const text = encoding === 'shift_jis' ? '日本' : encoding === 'latin_1' ? 'é' : 'ü';
    const quoted = `${quotechar}${text}${mark}${text}${quotechar}`;
    const csv = `id${mark}x\n1${mark}${quoted}\n2${mark}${text}\n`;
    const { id } = await api.create({
      deploymentId: 'd',
      passthroughColumns: ['x'],
      csvSettings: { delimiter, quotechar, encoding },
    });
    const label = encoding === 'latin_1' ? 'latin1' : encoding === 'utf-16' ? 'utf16le' : null;
    const bytes =
      label === null
        ? encoding === 'utf-8'
          ? Buffer.from(csv)
          : Buffer.concat(
              csv.split(/(日本)/).map((part) => (part === '日本' ? Buffer.from('93fa967b', 'hex') : Buffer.from(part))),
            )
        : Buffer.from(label === 'utf16le' ? `\ufeff${csv}` : csv, label as 'latin1');
    expect((await api.upload(id, bytes)).status).toBe(202);
    const job = await api.ended(id);
    expect(job.status, job.statusDetails).toBe('COMPLETED');
    const reply = await api.request(`/batchPredictions/${id}/download/`);
    const decoder = new TextDecoder(encoding === 'latin_1' ? 'latin1' : encoding === 'utf-16' ? 'utf-16le' : encoding);
    const result = decoder.decode(await reply.arrayBuffer());
    expect(result.split('\n').slice(0, 3)).toEqual([`y_PREDICTION${mark}x`, `2${mark}${quoted}`, `4${mark}${text}`]);
  });
});
