import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { systemClock } from '../../../src/core/clock.ts';
import type { FinishedRequest } from '../../../src/core/finished-request.ts';
import type { Scorer } from '../../../src/core/scorer.ts';
import { createHttpScorer, type HttpScorerOptions } from '../../../src/scoring/http-scorer.ts';
import { createDatarobotWire, type DatarobotOptions } from '../../../src/scoring/wires/datarobot.ts';
import { PLAIN_SCORING } from '../../../src/scoring/wires/wire.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type Behaviour, PredictionServer } from '../../support/prediction-server.ts';
import { faultOf, never, numbered, recordsOf } from './rows.ts';

let server: PredictionServer;
const open: Scorer[] = [];

beforeEach(async () => {
  server = await PredictionServer.start();
});

afterEach(async () => {
  for (const scorer of open.splice(0)) await scorer.close();
  await server.close();
});

function scorerOf(
  options: Partial<HttpScorerOptions> = {},
  wire: Partial<DatarobotOptions> = {},
  clock: Clock = systemClock,
): Scorer {
  const address = options.server ?? server.url;
  const scorer = createHttpScorer({
    server: address,
    connections: 2,
    clock,
    wire: createDatarobotWire({
      server: address,
      deploymentId: 'flights',
      settings: PLAIN_SCORING,
      clock,
      pin: { model: null },
      ...wire,
    }),
    ...options,
  });
  open.push(scorer);
  return scorer;
}

const answer = (behaviour: Behaviour): void => {
  server.options = { respond: () => behaviour };
};

describe('a request', () => {
  it('is scored over HTTP, as CSV and as JSON', async () => {
    expect(recordsOf(await scorerOf().score(numbered(3, 5), never))).toEqual(['10', '12', '14']);
    expect(recordsOf(await scorerOf({}, { reply: 'json' }).score(numbered(3, 5), never))).toEqual(['10', '12', '14']);
    expect(server.requests.map((request) => [request.path, request.headers['content-type']])).toEqual([
      ['/predApi/v1.0/deployments/flights/predictions', 'text/csv;charset=utf-8'],
      ['/predApi/v1.0/deployments/flights/predictions', 'text/csv;charset=utf-8'],
    ]);
  });

  it('carries the token of the moment and the further headers', async () => {
    let token = 'first';
    const scorer = scorerOf({ token: () => token, headers: { 'datarobot-key': 'k' } });
    await scorer.score(numbered(1), never);
    token = 'second';
    await scorer.score(numbered(1), never);
    expect(server.requests.map((r) => [r.headers.authorization, r.headers['datarobot-key']])).toEqual([
      ['Bearer first', 'k'],
      ['Bearer second', 'k'],
    ]);
  });

  it('is observed with its rows, status and duration', async () => {
    const seen: FinishedRequest[] = [];
    const clock = new ManualClock();
    const scorer = scorerOf({ onRequest: (request) => seen.push(request) }, {}, clock);
    server.options = {
      respond: () => {
        clock.advance(40);
        return { status: 503 };
      },
    };
    await faultOf(scorer.score(numbered(7), never));
    expect(seen).toEqual([{ latencyMs: 40, executionMs: null, rows: 7, status: 503 }]);
  });

  it('reads a reply of many chunks', async () => {
    const scores = await scorerOf().score(numbered(60_000), never);
    expect(recordsOf(scores).at(-1)).toBe('119998');
  });

  it('ends with the reason of the signal, under way and before it starts, and the connection can be used again', async () => {
    const scorer = scorerOf({ connections: 1 });
    const arrived = Promise.withResolvers<void>();
    server.options = {
      respond: () => {
        arrived.resolve();
        return { after: new Promise(() => {}) };
      },
    };
    const [first, second] = [new AbortController(), new AbortController()];
    const under = scorer.score(numbered(1), first.signal);
    const waiting = scorer.score(numbered(1), second.signal);
    await arrived.promise;
    second.abort(new Error('stop the second'));
    await expect(waiting).rejects.toThrow('stop the second');
    first.abort(new Error('stop the first'));
    await expect(under).rejects.toThrow('stop the first');
    await expect(scorer.score(numbered(1), first.signal)).rejects.toThrow('stop the first');
    server.options = {};
    expect(recordsOf(await scorer.score(numbered(1, 4), never))).toEqual(['8']);
    expect(server.requests).toHaveLength(2);
  });
});

describe('what the server says', () => {
  it.each([
    [400, 'ROW_REJECTED', 'row', false],
    [422, 'ROW_REJECTED', 'row', false],
    [480, 'ROW_REJECTED', 'row', false],
    [413, 'REQUEST_TOO_LARGE', 'batch', false],
    [408, 'SERVER_OVERLOADED', 'connection', true],
    [429, 'SERVER_OVERLOADED', 'connection', true],
    [502, 'SERVER_OVERLOADED', 'connection', true],
    [503, 'SERVER_OVERLOADED', 'connection', true],
    [504, 'SERVER_OVERLOADED', 'connection', true],
    [500, 'SERVER_FAULT', 'batch', true],
    [501, 'SERVER_FAULT', 'batch', true],
    [599, 'SERVER_FAULT', 'batch', true],
    [401, 'SERVER_ACCESS', 'connection', true],
    [403, 'SERVER_ACCESS', 'connection', true],
    [404, 'SERVER_ACCESS', 'connection', true],
    [405, 'CONFIG_INVALID', 'job', false],
    [409, 'CONFIG_INVALID', 'job', false],
    [415, 'CONFIG_INVALID', 'job', false],
    [201, 'REPLY_MISMATCH', 'batch', true],
    [204, 'REPLY_MISMATCH', 'batch', true],
  ])('with %i is %s', async (status, code, scope, retryable) => {
    answer({ status, body: status === 204 ? '' : '{"message":"because of this"}' });
    const fault = await faultOf(scorerOf().score(numbered(2), never));
    expect(fault).toMatchObject({ code, scope, retryable, status });
    if (status !== 204) expect(fault.message).toContain('because of this');
  });

  it.each([301, 302, 307, 308])('with %i names the address that it redirects to, without its query', async (status) => {
    answer({ status, headers: { location: 'https://other.example/login?token=geheim' } });
    const fault = await faultOf(scorerOf().score(numbered(1), never));
    expect(fault).toMatchObject({ code: 'CONFIG_INVALID', status });
    expect(fault.message).toContain('https://other.example/login');
    expect(fault.message).not.toContain('geheim');
  });

  it.each([
    ['3', 3000],
    ['0', undefined],
    ['0.1', 100],
    ['1.5', 1500],
    ['Thu, 01 Jan 2026 00:01:30 GMT', 90_000],
    ['Wed, 31 Dec 2025 23:00:00 GMT', undefined],
    ['soon', undefined],
  ])('with Retry-After: %s asks to wait for %s ms', async (value, waitMs) => {
    answer({ status: 503, headers: { 'retry-after': value } });
    const scorer = scorerOf({}, {}, new ManualClock(Date.UTC(2026, 0, 1)));
    expect((await faultOf(scorer.score(numbered(1), never))).waitMs).toBe(waitMs);
  });

  it('may name the bad row, if it is one of the request', async () => {
    for (const [row, expected] of [
      [1, 1],
      [2, undefined],
      [-1, undefined],
      [0.5, undefined],
      ['1', undefined],
    ]) {
      answer({ status: 422, body: JSON.stringify({ message: 'bad', row }) });
      expect((await faultOf(scorerOf().score(numbered(2), never))).row).toBe(expected);
    }
  });

  it('is cut to one short line, and never quotes the token', async () => {
    const echoed = `ERROR: Bearer geheim-4711\nid,text\n${'1,x\n'.repeat(50_000)}`;
    for (const body of [echoed, JSON.stringify({ message: echoed })]) {
      answer({ status: 503, body, headers: { 'content-type': 'text/plain' } });
      const { message } = await faultOf(scorerOf({ token: 'geheim-4711' }).score(numbered(1), never));
      expect(message).not.toContain('geheim');
      expect(message).toContain('[redacted]');
      expect(message).not.toContain('\n');
      expect(message.length).toBeLessThan(500);
    }
    answer({ status: 502, body: '<html>proxy</html>', headers: { 'content-type': 'text/html' } });
    expect((await faultOf(scorerOf().score(numbered(1), never))).message).toContain('a page of HTML');
  });
});

describe('the network', () => {
  it('that refuses a connection is SERVER_UNREACHABLE and names the address', async () => {
    const address = server.url;
    await server.close();
    const fault = await faultOf(scorerOf().score(numbered(1), never));
    expect(fault).toMatchObject({ code: 'SERVER_UNREACHABLE', scope: 'connection', retryable: true });
    expect(fault.message).toContain(address);
    server = await PredictionServer.start();
  });

  it('that has no such name is SERVER_UNREACHABLE', async () => {
    const scorer = scorerOf({ server: 'http://prediction-server.invalid:8100' });
    expect(await faultOf(scorer.score(numbered(1), never))).toMatchObject({ code: 'SERVER_UNREACHABLE' });
  });

  it.each(['before', 'middle'] as const)(
    'that breaks %s the reply is SERVER_OVERLOADED: nothing is given',
    async (drop) => {
      answer({ drop });
      expect(await faultOf(scorerOf().score(numbered(50), never))).toMatchObject({
        code: 'SERVER_OVERLOADED',
        retryable: true,
      });
    },
  );

  it('that stays silent is SERVER_OVERLOADED after the time-out', async () => {
    answer({ after: new Promise(() => {}) });
    const fault = await faultOf(scorerOf({ timeoutMs: 30 }).score(numbered(1), never));
    expect(fault.code).toBe('SERVER_OVERLOADED');
    expect(fault.message).toContain('did not answer in time');
  });

  it('that does not speak HTTP is SERVER_OVERLOADED', async () => {
    const odd = createServer((socket) => socket.end('SSH-2.0-x\r\n'));
    await new Promise<void>((resolve) => {
      odd.listen(0, '127.0.0.1', resolve);
    });
    const port = (odd.address() as { port: number }).port;
    const fault = await faultOf(scorerOf({ server: `http://127.0.0.1:${port}` }).score(numbered(1), never));
    expect(fault.code).toBe('SERVER_OVERLOADED');
    odd.close();
  });

  it('that answers without end is cut off at the largest size of a reply', async () => {
    const scorer = scorerOf({ maxReplyBytes: 1000 });
    expect(await faultOf(scorer.score(numbered(5000), never))).toMatchObject({ code: 'REPLY_MISMATCH' });
    expect(recordsOf(await scorer.score(numbered(2), never))).toEqual(['0', '2']);
  });

  it.each(['127.0.0.1:8100', 'ftp://h/', 'http://user:geheim@h/'])('with the address %s is refused', (address) => {
    expect(() =>
      createHttpScorer({ server: address, connections: 1, clock: systemClock, wire: wireAnywhere() }),
    ).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('geheim') }));
  });
});

function wireAnywhere(): HttpScorerOptions['wire'] {
  return createDatarobotWire({
    server: 'http://h',
    deploymentId: 'x',
    settings: PLAIN_SCORING,
    clock: systemClock,
    pin: { model: null },
  });
}

describe('the description', () => {
  it('of a server that has the route gives model, target and classes', async () => {
    server.options = {
      info: {
        model: { id: 'm1', addressable: true },
        target: { name: 'late', kind: 'binary', classes: ['yes', 'no'] },
      },
    };
    expect(await scorerOf().describe(never)).toEqual({
      model: { id: 'm1' },
      target: 'late',
      kind: 'binary',
      classes: ['yes', 'no'],
    });
  });

  it('of a server without the route, or with another one there, is empty', async () => {
    expect(await scorerOf().describe(never)).toEqual({});
    server.options = { info: { model: 7, target: { kind: 'poem', classes: 'x' } } };
    expect(await scorerOf().describe(never)).toEqual({});
  });

  it.each([
    [404, 'There is no deployment flights: the deployment is unknown', 'SERVER_ACCESS'],
    [404, 'Deployment "flights" not found', 'SERVER_ACCESS'],
    [404, 'Unknown deployment flights', 'SERVER_ACCESS'],
    [404, 'Route GET:/predApi/v1.0/deployments/flights/info not found', null],
    [404, 'Not Found', null],
    [405, 'Method Not Allowed', null],
    [400, 'Bad Request', null],
    [401, 'no', 'SERVER_ACCESS'],
    [403, 'no', 'SERVER_ACCESS'],
    [503, 'later', 'SERVER_OVERLOADED'],
    [500, 'crash', 'SERVER_FAULT'],
    [302, '', 'CONFIG_INVALID'],
  ])('with %i and "%s" is %s', async (status, message, code) => {
    const wire = wireAnywhere();
    const described = wire.describe(async () => ({
      status,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ message })),
    }));
    if (code === null) expect(await described).toEqual({});
    else expect((await faultOf(described)).code).toBe(code);
  });
});
