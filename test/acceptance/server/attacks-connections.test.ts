import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi, writeConfiguration } from '../../support/api-server.ts';
import { PredictionServer } from '../../support/prediction-server.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { startServe } from '../../support/serve-process.ts';

const MIB = 1024 * 1024;

let predictions: PredictionServer;
beforeAll(async () => {
  predictions = await PredictionServer.start();
});
afterAll(() => predictions.close());

/** A connection on which a test says what it likes; `said` is all that came back, `ended` when it is closed. */
class Line {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  said = '';

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.said += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  static async open(base: string): Promise<Line> {
    const { hostname, port } = new URL(base);
    const line = new Line(connect(Number(port), hostname));
    await Promise.race([new Promise((resolve) => line.socket.once('connect', resolve)), line.ended]);
    return line;
  }

  /** Says one piece after another, with a pause before each, until the other side has closed. Gives how long that took. */
  async trickle(pieces: Iterable<string>, pauseMs: number): Promise<number> {
    const start = performance.now();
    let closed = false;
    void this.ended.then(() => (closed = true));
    for (const piece of pieces) {
      if (closed) break;
      this.socket.write(piece);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    await this.ended;
    return performance.now() - start;
  }
}

function* again(piece: string): Generator<string> {
  for (;;) yield piece;
}

const HEAD = 'Host: 127.0.0.1\r\n';

describe('whoever takes his time', () => {
  const server = {
    limits: { headerSeconds: 1, bodySeconds: 1, uploadBytesPerMinute: 1_000_000 },
    uploadIdleSeconds: 1,
  };
  let api: ApiServer;
  beforeAll(async () => {
    api = await startApi({ deployments: { flights: predictions.url }, server });
  });
  afterAll(() => api[Symbol.asyncDispose]());

  test('with the head of a request is left', async () => {
    const line = await Line.open(api.base);
    line.socket.write(`GET /api/v2/version/ HTTP/1.1\r\n${HEAD}`);
    expect(await line.trickle(again('X-A: b\r\n'), 100)).toBeLessThan(10_000);
    expect(line.said).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('without ever saying anything is left', async () => {
    const line = await Line.open(api.base);
    await line.ended;
  });

  test('with a body of JSON is answered, and left', async () => {
    const line = await Line.open(api.base);
    const head = `POST /api/v2/batchPredictions/ HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{`;
    line.socket.write(head);
    const pieces = Array.from({ length: 15 }, () => ' ');
    await Promise.race([line.trickle(pieces, 100), new Promise((resolve) => setTimeout(resolve, 3000))]);
    expect(line.said).toMatch(/^HTTP\/1\.1 408 /);
    line.socket.destroy();
  });

  test('with an upload that is half open is left, and can go on later', async () => {
    const job = await api.create({ deploymentId: 'flights' });
    const line = await Line.open(api.base);
    line.socket.write(
      `PUT /api/v2/batchPredictions/${job.id}/csvUpload/ HTTP/1.1\r\n${HEAD}Content-Type: text/csv\r\nContent-Length: 1000\r\n\r\nx\n1\n`,
    );
    await line.ended;
    const rest = 'x\n1\n2\n';
    const reply = await api.upload(job.id, rest, { 'content-range': `bytes 0-${rest.length - 1}/${rest.length}` });
    expect(reply.status).toBe(202);
    expect((await api.ended(job.id)).status).toBe('COMPLETED');
    expect(await api.result(job.id)).toBe('y_PREDICTION\n2\n4\n');
  });
});

describe('an honest client that is slow', () => {
  test('is waited for', async () => {
    await using api = await startApi({
      deployments: { flights: predictions.url },
      server: { limits: { headerSeconds: 1, bodySeconds: 1 }, uploadIdleSeconds: 2 },
    });
    const job = await api.create({ deploymentId: 'flights' });
    let row = 0;
    const slow = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('x\n')),
      pull: async (controller) => {
        if (row === 25) return controller.close();
        await new Promise((resolve) => setTimeout(resolve, 150));
        row += 1;
        controller.enqueue(Buffer.from(`${row}\n`));
      },
    });
    // It takes three times as long as a head or a body of JSON may.
    expect((await api.upload(job.id, slow)).status).toBe(202);
    expect((await api.ended(job.id)).scoredRows).toBe(25);
  });
});

describe('too much at once', () => {
  test('of headers is refused', async () => {
    await using api = await startApi({ deployments: { flights: predictions.url } });
    const many = Array.from({ length: 5000 }, (_, i) => `X-${i}: ${i}\r\n`).join('');
    for (const head of [many, `X-A: ${'x'.repeat(MIB)}\r\n`, `Cookie: ${'a=b; '.repeat(100_000)}\r\n`]) {
      const line = await Line.open(api.base);
      line.socket.write(`GET /api/v2/version/ HTTP/1.1\r\n${HEAD}${head}\r\n`);
      await line.ended;
      expect(line.said).toMatch(/^HTTP\/1\.1 431 |^$/);
    }
    const line = await Line.open(api.base);
    line.socket.write(`GET /${'x'.repeat(100_000)} HTTP/1.1\r\n${HEAD}\r\n`);
    await line.ended;
    expect(line.said).not.toMatch(/^HTTP\/1\.1 (2|5)/);
    expect((await api.request('/version/')).status).toBe(200);
  });

  test('of nonsense is refused', async () => {
    await using api = await startApi({ deployments: { flights: predictions.url } });
    for (const text of [
      '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
      'GET\r\n\r\n',
      `GET /api/v2/version/ HTTP/9.9\r\n${HEAD}\r\n`,
      `POST /api/v2/batchPredictions/ HTTP/1.1\r\n${HEAD}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}`,
      `POST /api/v2/batchPredictions/ HTTP/1.1\r\n${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n`,
      `POST /api/v2/batchPredictions/ HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\nZZZ\r\n`,
      `POST /api/v2/batchPredictions/ HTTP/1.1\r\n${HEAD}Content-Length: -1\r\n\r\n`,
      `GET /api/v2/version/ HTTP/1.1\r\n${HEAD}X: a\u0000b\r\n\r\n`,
      `GET /api/v2/version/ HTTP/1.1\r\n${HEAD} folded: x\r\n\r\n`,
    ]) {
      const line = await Line.open(api.base);
      line.socket.end(Buffer.from(text, 'latin1'));
      await line.ended;
      expect(line.said, text).not.toMatch(/HTTP\/1\.1 (2|5)\d\d /);
    }
    expect((await api.request('/version/')).status).toBe(200);
  });

  test('of uploads of one user is refused, and he can try again', async () => {
    await using api = await startApi({
      deployments: { flights: predictions.url },
      server: { limits: { uploadsPerUser: 3 } },
    });
    const open: ReadableStreamDefaultController[] = [];
    const begin = async (): Promise<Response> => {
      const job = await api.create({ deploymentId: 'flights' });
      return await api.upload(
        job.id,
        new ReadableStream({
          start: (controller) => {
            controller.enqueue(Buffer.from('x\n1\n'));
            open.push(controller);
          },
        }),
      );
    };
    const first = [begin(), begin(), begin()];
    await expect.poll(() => open.length).toBe(3);
    const job = await api.create({ deploymentId: 'flights' });
    await expect.poll(async () => (await api.upload(job.id, 'x\n1\n')).status).toBe(429);
    const refused = await api.upload(job.id, 'x\n1\n');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    for (const controller of open) controller.close();
    for (const one of first) expect((await one).status).toBe(202);
    expect((await api.upload(job.id, 'x\n1\n')).status).toBe(202);
  });

  test('of jobs of one user is refused', async () => {
    await using api = await startApi({
      deployments: { flights: predictions.url },
      server: { limits: { jobsPerUser: 5 } },
    });
    for (let i = 0; i < 5; i += 1) await api.create({ deploymentId: 'flights' });
    const reply = await api.post('/batchPredictions/', { deploymentId: 'flights' });
    expect(reply.status).toBe(429);
    expect(reply.headers.get('retry-after')).not.toBeNull();
  });

  test('of connections from one address is closed', async () => {
    await using api = await startApi({
      deployments: { flights: predictions.url },
      server: { limits: { connectionsPerAddress: 10 } },
    });
    const lines = await Promise.all(Array.from({ length: 10 }, () => Line.open(api.base)));
    const more = await Line.open(api.base);
    await more.ended;
    for (const line of lines) line.socket.destroy();
    await expect.poll(async () => (await api.request('/version/').catch(() => null))?.status).toBe(200);
  });
});

describe('as a process of its own', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-attacked-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  interface Attacked extends AsyncDisposable {
    readonly base: string;
    /** The most memory that it has had, in bytes. */
    memory(): number;
  }

  async function serve(server: object, flights = predictions.url): Promise<Attacked> {
    const state = mkdtempSync(join(folder, 'state-'));
    const file = writeConfiguration(state, { deployments: { flights }, server });
    const served = await startServe(file, state);
    return {
      base: served.base,
      memory: () => {
        const status = readFileSync(`/proc/${served.process.pid}/status`, 'utf8');
        return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]);
      },
      [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
    };
  }

  test('it serves others while 10,000 connections say nothing, and lets those go', async () => {
    await using api = await serve({ limits: { headerSeconds: 5, connectionsPerAddress: 20_000, connections: 20_000 } });
    const lines: Line[] = [];
    // This process holds the other ends, so it may not be allowed as many.
    for (let opened = 0; opened < 10_000; opened += 500) {
      const some = await Promise.all(Array.from({ length: 500 }, () => Line.open(api.base)));
      lines.push(...some);
    }
    const open = lines.filter(({ socket }) => !socket.destroyed).length;
    if (open < 10_000) console.error(`only ${open} connections could be held at once`);
    const start = performance.now();
    expect((await fetch(`${api.base}/version/`)).status).toBe(200);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(api.memory()).toBeLessThan(400 * MIB);
    await Promise.all(lines.map(({ ended }) => ended));
    expect((await fetch(`${api.base}/version/`)).status).toBe(200);
  });

  test('a job that asks for much memory gets what it may have', async () => {
    // A prediction server that takes all requests, and answers none.
    let taken = 0;
    const silent = createServer((message, response) => {
      if (message.method === 'GET') response.writeHead(404).end();
      message.resume();
      if (message.method !== 'GET') message.on('end', () => (taken += 1));
    });
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    await using api = await serve({}, `http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    const made = await fetch(`${api.base}/batchPredictions/`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ deploymentId: 'flights', numConcurrent: 1024, chunkSize: 41_943_040, limiter: 'fixed' }),
    });
    const { id } = (await made.json()) as { id: string };
    const chunk = Buffer.from('1234567\n'.repeat(MIB / 8));
    let sent = 0;
    const rows = new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from('x\n')),
      pull: (controller) => {
        if (sent === 500) return controller.close();
        sent += 1;
        controller.enqueue(chunk);
      },
    });
    const init = { method: 'PUT', headers: { 'content-type': 'text/csv' }, body: rows, duplex: 'half' };
    expect((await fetch(`${api.base}/batchPredictions/${id}/csvUpload/`, init as RequestInit)).status).toBe(202);
    // 256 MiB at once are six of these requests.
    await expect.poll(() => taken, { timeout: 30_000 }).toBe(6);
    expect(api.memory()).toBeLessThan(1000 * MIB);
    expect(taken).toBe(6);
    silent.closeAllConnections();
    silent.close();
  });

  test('with a certificate it speaks TLS alone', async () => {
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(certFile, selfSigned.cert);
    writeFileSync(keyFile, selfSigned.key);
    await using api = await serve({ tls: { certFile, keyFile } });
    expect(api.base).toMatch(/^https:/);
    const { port } = new URL(api.base);
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connectTls({
        port: Number(port),
        host: '127.0.0.1',
        ca: selfSigned.cert,
        servername: 'localhost',
      });
      let text = '';
      socket.on('secureConnect', () =>
        socket.write(
          `POST /api/v2/batchPredictions/ HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 26\r\n\r\n{"deploymentId":"flights"}`,
        ),
      );
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(said).toMatch(/^HTTP\/1\.1 202 /);
    expect(said).toContain(`https://localhost:${port}/api/v2/batchPredictions/`);
    const plain = await Line.open(api.base.replace('https', 'http'));
    plain.socket.write('GET /api/v2/version/ HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await plain.ended;
    expect(plain.said).not.toMatch(/^HTTP\/1\.1 200/);
    const old = connectTls({
      port: Number(port),
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
    });
    await expect(
      new Promise((resolve, reject) => old.on('secureConnect', resolve).on('error', reject)),
    ).rejects.toThrow();
  });
});
