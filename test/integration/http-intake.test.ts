import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HttpSettings } from '../../connectors/http/http-settings.ts';
import { createHttpStore } from '../../connectors/http/http-store.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { ObjectStore } from '../../src/core/object-store.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { selfSigned } from '../support/self-signed.ts';
import { WebServer } from '../support/web-server.ts';

const BYTES = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `row ${i}\n`).join(''));
const never = new AbortController().signal;

let server: WebServer;
let clock: HurriedClock;
beforeEach(async () => {
  server = await WebServer.start();
  clock = new HurriedClock();
});
afterEach(() => server.close());

function storeOf(settings: Partial<HttpSettings> = {}): ObjectStore {
  return createHttpStore({ settings, clock });
}

async function read(store: ObjectStore, url: string, offset = 0): Promise<Buffer> {
  await using _ = store;
  const [object] = await store.list(url, never);
  return await buffer(store.read(object!.key, offset, never));
}

async function failure(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return `${findSluiceError(error)?.code}: ${findSluiceError(error)?.message}`;
}

describe('a body behind an address', () => {
  test('is continued by a range where the connection broke, under the condition that it is the same', async () => {
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"', ranges: true });
    server.fault = ({ number }) => (number === 1 || number === 2 ? { breakAfter: 50_000 } : null);
    expect(await read(storeOf(), `${server.url}/a`)).toEqual(BYTES);
    const [probe, first, second, third] = server.requests.map(({ headers }) => headers);
    expect(server.requests).toHaveLength(4);
    expect(probe).toMatchObject({ range: 'bytes=0-0', 'accept-encoding': 'identity' });
    expect(first?.range).toBeUndefined();
    for (const headers of [second, third]) expect(headers).toMatchObject({ 'if-range': '"1"' });
    const starts = [second, third].map((headers) => Number(/^bytes=(\d+)-$/.exec(headers?.range ?? '')?.[1]));
    expect(starts[0]).toBeGreaterThan(0);
    expect(starts[1]).toBeGreaterThan(starts[0]!);
  });

  test('is read from any offset, with ranges and without', async () => {
    for (const ranges of [true, false]) {
      server.bodies.set('/a', { bytes: BYTES, etag: '"1"', ranges });
      expect(await read(storeOf(), `${server.url}/a`, 70_001)).toEqual(BYTES.subarray(70_001));
      expect(await read(storeOf(), `${server.url}/a`, BYTES.length)).toHaveLength(0);
    }
  });

  test('without a length and without ranges is read whole, and continued by reading it again', async () => {
    server.bodies.set('/a', { bytes: BYTES, chunked: true });
    // The breaks come later each time, or it would never end.
    server.fault = ({ number }) => (number > 1 && number < 5 ? { breakAfter: 30_000 * number } : null);
    expect(await read(storeOf(), `${server.url}/a`)).toEqual(BYTES);
    expect(server.requests.length).toBeGreaterThan(5);
  });

  test('that is empty is an object without bytes', async () => {
    for (const ranges of [true, false]) {
      server.bodies.set('/a', { bytes: Buffer.alloc(0), etag: '"1"', ranges });
      expect(await read(storeOf(), `${server.url}/a`)).toHaveLength(0);
    }
  });

  test.each([
    ['by its ETag', { etag: '"1"', ranges: true }, { etag: '"2"', ranges: true }],
    [
      'by its time',
      { modified: 'Thu, 01 Jan 2026 00:00:00 GMT', ranges: true },
      { modified: 'Fri, 02 Jan 2026 00:00:00 GMT', ranges: true },
    ],
    ['by its bytes, as nothing else tells', {}, {}],
  ])('that changes while it is read is refused, told %s', async (_, before, after) => {
    server.bodies.set('/a', { bytes: BYTES, ...before });
    server.fault = ({ headers, path }) => {
      if (path !== '/a' || headers.range === 'bytes=0-0') return null;
      // The first read of the rows breaks, and finds another body then.
      return server.requests.filter((request) => request.headers.range !== 'bytes=0-0').length ===
        ('etag' in before || 'modified' in before ? 1 : 2)
        ? { breakAfter: 90_000 }
        : null;
    };
    const store = storeOf();
    await using _store = store;
    const [object] = await store.list(`${server.url}/a`, never);
    const reading = (async () => {
      for await (const _chunk of store.read(object!.key, 0, never)) {
        const changed = Buffer.from(BYTES);
        changed[3] = 0x58;
        server.bodies.set('/a', { bytes: changed, ...after });
      }
    })();
    expect(await failure(reading)).toMatch(/^INTAKE_CHANGED: http:\S+\/a was changed while it was read/);
  });

  test('that became another one between two runs has another version', async () => {
    server.bodies.set('/a', { bytes: BYTES });
    const [one] = await storeOf().list(`${server.url}/a`, never);
    server.bodies.set('/a', { bytes: Buffer.from(BYTES).fill(0x41, 0, 5) });
    const [two] = await storeOf().list(`${server.url}/a`, never);
    expect(one?.version).not.toEqual(two?.version);
  });

  test('of a server that is overloaded comes when it said that it would', async () => {
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"', ranges: true });
    server.fault = ({ number }) => {
      if (number === 0) return { status: 503, headers: { 'retry-after': '7' } };
      return number === 2 ? { status: 429, headers: { 'retry-after': '3' } } : null;
    };
    expect(await read(storeOf(), `${server.url}/a`)).toEqual(BYTES);
    expect(clock.slept).toEqual([7_000, 3_000]);
  });

  test('of a server that stays overloaded ends after the budget of time', async () => {
    server.fault = () => ({ status: 503 });
    expect(await failure(read(storeOf({ retryMs: 60_000 }), `${server.url}/a`))).toMatch(
      /^STORE_UNREACHABLE: .*not able to answer for now \(503\)/,
    );
    const waited = clock.slept.reduce((sum, ms) => sum + ms, 0);
    expect(waited).toBeGreaterThan(55_000);
    expect(waited).toBeLessThan(65_000);
  });

  test('of a server that says one length and gives another is not taken for whole', async () => {
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"', headers: { 'content-length': String(BYTES.length + 10) } });
    server.bodies.set('/b', { bytes: BYTES, etag: '"1"', ranges: true });
    server.fault = ({ path, headers }) =>
      path === '/b' && /^bytes=[1-9]/.test(headers.range ?? '')
        ? { status: 206, headers: { 'content-range': `bytes 0-9/${BYTES.length}`, etag: '"1"' }, body: '0123456789' }
        : path === '/b' && headers.range === undefined
          ? { breakAfter: 5 }
          : null;
    expect(await failure(read(storeOf({ retryMs: 100, silenceMs: 50 }), `${server.url}/a`))).toMatch(
      /^STORE_UNREACHABLE/,
    );
    expect(await failure(read(storeOf({ retryMs: 100 }), `${server.url}/b`))).toMatch(
      /^STORE_UNREACHABLE: .* gives bytes 0-9\/\d+ for a range from byte \d+ on/,
    );
  });

  test('of a server that never answers, or stops in the middle, is waited for no longer than it may be silent', async () => {
    clock = new HurriedClock([40]);
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"' });
    server.fault = () => ({ never: true });
    expect(await failure(read(storeOf({ connectMs: 300, silenceMs: 40 }), `${server.url}/a`))).toMatch(
      /^STORE_UNREACHABLE: .*did not answer within 0.04 s/,
    );
    server.fault = ({ headers }) => (headers.range === undefined ? { silentAfter: 10 } : null);
    expect(await failure(read(storeOf({ retryMs: 300, silenceMs: 40 }), `${server.url}/a`))).toMatch(
      /^STORE_UNREACHABLE: .*was silent for 0.04 s in the middle of its body/,
    );
  });

  test('may be read as slowly as the reader likes: no time runs while he does not wait', async () => {
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"', ranges: true });
    const manual = new ManualClock();
    await using store = createHttpStore({ clock: manual });
    const [object] = await store.list(`${server.url}/a`, never);
    let bytes = 0;
    for await (const chunk of store.read(object!.key, 0, never)) {
      expect(manual.sleepers).toBe(0);
      manual.advance(3_600_000);
      bytes += chunk.length;
    }
    expect(bytes).toBe(BYTES.length);
  });

  test('that is packed against our wish is refused with what to set, and taken as it is when that is set', async () => {
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"', headers: { 'content-encoding': 'gzip' } });
    expect(await failure(read(storeOf(), `${server.url}/a`))).toMatch(
      /^INTAKE_UNREADABLE: .*packed \(gzip\).*Set intakeSettings.compression to gzip/,
    );
    const store = createHttpStore({ query: { packed: true }, clock });
    expect(await read(store, `${server.url}/a`)).toEqual(BYTES);
  });

  test('can be asked for by POST, with a body', async () => {
    server.bodies.set('/query', { bytes: BYTES });
    server.fault = ({ number }) => (number === 2 ? { breakAfter: 60_000 } : null);
    const store = createHttpStore({ query: { method: 'POST', body: '{"day":"monday"}' }, clock });
    expect(await read(store, `${server.url}/query`)).toEqual(BYTES);
    expect(new Set(server.uploads.map(({ bytes }) => bytes.toString()))).toEqual(new Set(['{"day":"monday"}']));
    expect(server.requests.every(({ headers }) => headers.range === undefined)).toBe(true);
  });
});

describe('who asks', () => {
  test.each([
    [401, 'STORE_ACCESS', /does not know who asks \(401\).*token/],
    [403, 'STORE_ACCESS', /gives no right to read \(403\)/],
    [404, 'INTAKE_NOT_FOUND', /There is nothing at/],
    [410, 'INTAKE_NOT_FOUND', /There is nothing at/],
    [418, 'INTAKE_UNREADABLE', /it answers 418/],
  ])(
    'is told of a %i in words of its own, with what the server says and without any secret',
    async (status, code, words) => {
      server.fault = () => ({ status, body: 'the server has its reasons' });
      const url = `http://user:hidden-1@${server.host}/a?signature=hidden-2`;
      const said = await failure(read(storeOf({ token: 'hidden-3', headers: { 'x-key': 'hidden-4' } }), url));
      expect(said).toMatch(new RegExp(`^${code}: `));
      expect(said).toMatch(words);
      expect(said).toContain('the server has its reasons');
      expect(said).not.toContain('hidden');
    },
  );

  test('sends its token, its headers, and the user and password of an address', async () => {
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"' });
    await read(storeOf({ token: 'abc', headers: { 'X-Key': 'k' } }), `${server.url}/a`);
    expect(server.requests.at(-1)?.headers).toMatchObject({ authorization: 'Bearer abc', 'x-key': 'k' });
    await read(storeOf(), `http://us%40er:pa%3Ass@${server.host}/a?q=1`);
    const { headers, query } = server.requests.at(-1)!;
    expect(headers.authorization).toBe(`Basic ${Buffer.from('us@er:pa:ss').toString('base64')}`);
    expect(query.get('q')).toBe('1');
  });

  test('is redirected within a host, and to others only when they are allowed, and then without any secret', async () => {
    await using other = await WebServer.start();
    other.bodies.set('/b', { bytes: BYTES, etag: '"1"', ranges: true });
    server.bodies.set('/b', { bytes: BYTES, etag: '"1"', ranges: true });
    const secrets = { token: 'hidden-1', headers: { 'x-key': 'hidden-2' } };
    server.fault = ({ path }) => (path === '/a' ? { status: 302, headers: { location: '/b' } } : null);
    expect(await read(storeOf(secrets), `${server.url}/a`)).toEqual(BYTES);
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer hidden-1');
    server.fault = () => ({ status: 307, headers: { location: `${other.url}/b?signature=s` } });
    expect(await failure(read(storeOf(secrets), `${server.url}/a`))).toMatch(
      /^CONFIG_INVALID: .*redirects \(307\) to http:\S+\/b, another host; add \S+ to allowedHosts/,
    );
    expect(other.requests).toHaveLength(0);
    expect(await read(storeOf({ ...secrets, allowedHosts: [other.host] }), `${server.url}/a`)).toEqual(BYTES);
    expect(other.requests.length).toBeGreaterThan(0);
    for (const { headers, query } of other.requests) {
      expect(JSON.stringify(headers)).not.toContain('hidden');
      expect(query.get('signature')).toBe('s');
    }
    server.fault = ({ path }) => ({ status: 302, headers: { location: `${path}x` } });
    expect(await failure(read(storeOf(), `${server.url}/a`))).toMatch(/redirects more than 5 times/);
  });

  test('trusts certificates of the machine or of the file that was given, and gives TLS up for nobody', async () => {
    await using secure = await WebServer.start({ tls: true });
    secure.bodies.set('/a', { bytes: BYTES, etag: '"1"' });
    server.bodies.set('/a', { bytes: BYTES, etag: '"1"' });
    expect(await failure(read(storeOf(), `${secure.url}/a`))).toMatch(/^CONFIG_INVALID: No trusted connection.*caFile/);
    expect(await read(storeOf({ ca: selfSigned.cert }), `${secure.url}/a`)).toEqual(BYTES);
    secure.fault = () => ({ status: 302, headers: { location: `${server.url}/a` } });
    const lost = read(storeOf({ ca: selfSigned.cert, allowedHosts: ['127.0.0.1'] }), `${secure.url}/a`);
    expect(await failure(lost)).toMatch(/^CONFIG_INVALID: .*without TLS/);
    expect(await failure(read(storeOf(), `${server.url.replace('http', 'https')}/a`))).toMatch(/^CONFIG_INVALID/);
  });

  test('is told where nobody listens', async () => {
    await server.close();
    expect(await failure(read(storeOf({ connectMs: 1_000 }), `${server.url}/a`))).toMatch(
      /^STORE_UNREACHABLE: http:\S+\/a cannot be reached \(ECONNREFUSED\)/,
    );
    server = await WebServer.start();
  });
});
