import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { SluiceError } from '../../../../src/core/error.ts';
import type { RowBatch } from '../../../../src/core/row-batch.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { Scorer, Scores } from '../../../../src/core/scorer.ts';
import { createHttpScorer, type HttpScorerOptions } from '../../../../src/scoring/http-scorer.ts';
import type { Wire } from '../../../../src/scoring/wires/wire.ts';
import { batchOf, faultOf, never, recordsOf } from '../rows.ts';
import { type DialectReply, dialects, plainColumns } from './dialects.ts';
import { ReplyServer } from './reply-server.ts';

const columns = schemaOf(['a', 'b']);
const numbers = (rows: number): RowBatch =>
  batchOf(
    Array.from({ length: rows }, (_, i) => [i, i / 4]),
    columns,
  );
const doubled = (sent: readonly number[]): readonly string[] => sent.map((a) => String(2 * a));

/** The outcome, or the code of the error. */
function outcome(read: () => Scores): Scores | string {
  try {
    return read();
  } catch (error) {
    return error instanceof SluiceError ? error.code : String(error);
  }
}

let server: ReplyServer;
beforeAll(async () => {
  server = await ReplyServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

describe.each(dialects)('the wire $name', ({ name, wire: create, sent, reply, refusing }) => {
  let wire: Wire;
  const open: Scorer[] = [];
  const scorer = (options: Partial<HttpScorerOptions> = {}): Scorer => {
    const made = createHttpScorer({ server: server.url, connections: 2, clock: systemClock, wire, ...options });
    open.push(made);
    return made;
  };
  const readText = (batch: RowBatch, { headers, body }: DialectReply): Scores | string => {
    wire.request(batch);
    return outcome(() => wire.read(batch, { status: 200, headers, body }));
  };
  beforeEach(async () => {
    wire = await create(server.url);
    server.requests.length = 0;
  });
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  it('sends every row once, in order, and gives each row the number that the server gave it', () => {
    const value = fc.double({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), (values) => {
        const batch = numbers(values.length);
        const { body } = wire.request(batch);
        expect(sent(Buffer.from(body!))).toEqual(values.map((_, i) => i));
        const texts = values.map((number) => JSON.stringify(number));
        const scores = readText(batch, reply(texts)) as Scores;
        expect(recordsOf(scores).map(Number)).toEqual(texts.map(Number));
        expect(scores).toMatchObject({ rows: values.length, columns: plainColumns, failures: [] });
      }),
      { numRuns: 60 },
    );
  });

  it.each([0, 1, 4, 6, 50])('gives nothing for 5 rows when %i come back', (rows) => {
    const values = Array.from({ length: rows }, (_, i) => String(i));
    expect(readText(numbers(5), reply(values))).toBe('REPLY_MISMATCH');
  });

  it('fails a row without a finite number, alone and with what stood there', () => {
    const bad = fc.constantFrom('null', 'NaN', 'Infinity', '-Infinity');
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.constant('1.5'), bad), { minLength: 1, maxLength: 12 }), (values) => {
        const scores = readText(numbers(values.length), reply(values)) as Scores;
        const failed = values.flatMap((text, row) => (text === '1.5' ? [] : [row]));
        expect(scores.failures.map(({ row }) => row)).toEqual(failed);
        expect(scores.rows).toBe(values.length);
        for (const { reason } of scores.failures) expect(reason).toMatch(/null|NaN|[Ii]nfinit|blank|not a number/);
        if (failed.length < values.length)
          expect(recordsOf(scores).filter((_, row) => !failed.includes(row))).toEqual(
            values.filter((text) => text === '1.5'),
          );
        else expect(scores.columns).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  const withReasons = refusing;
  if (withReasons !== undefined)
    it('fails the rows that the server has reasons for, with these', () => {
      const reasons = new Map([
        [1, 'no such airport'],
        [3, 'distance far too large'],
      ]);
      const scores = readText(numbers(5), withReasons(['0', '1', '2', '3', '4'], reasons)) as Scores;
      expect(scores.failures.map(({ row, reason }) => [row, reason])).toEqual([...reasons]);
      expect(recordsOf(scores).filter((_, row) => !reasons.has(row))).toEqual(['0', '2', '4']);
    });

  it('gives nothing for a reply that breaks off, wherever it does', () => {
    const whole = reply(['10', '20', '30', '40']);
    const batch = numbers(4);
    // A CSV reply may lack its last line end: the number of the row behind it shows that it is whole.
    const last = whole.headers['content-type'] === 'text/csv' ? 1 : 0;
    for (let end = 0; end < whole.body.length - last; end += 1) {
      const part = { headers: whole.headers, body: whole.body.subarray(0, end) };
      expect({ end, outcome: readText(batch, part) }).toEqual({ end, outcome: 'REPLY_MISMATCH' });
    }
  });

  it.each(['', 'null', 'true', '[]', '{}', '7', '"text"', '<html>no</html>', '{"predictions":{}}', '{"data":7}'])(
    'gives nothing for the reply %s',
    (text) => {
      for (const { headers } of [reply(['1']), { headers: {} }])
        expect(readText(numbers(1), { headers, body: Buffer.from(text) })).toBe('REPLY_MISMATCH');
    },
  );

  it.each([
    [400, 'ROW_REJECTED'],
    [413, 'REQUEST_TOO_LARGE'],
    [422, 'ROW_REJECTED'],
    [429, 'SERVER_OVERLOADED'],
    [500, 'SERVER_FAULT'],
    [503, 'SERVER_OVERLOADED'],
    [401, 'SERVER_ACCESS'],
    [404, 'SERVER_ACCESS'],
    [405, 'CONFIG_INVALID'],
  ])('takes the status %i for %s', async (status, code) => {
    server.respond = () => ({ status, body: '{"message":"because"}', headers: { 'retry-after': '2' } });
    const fault = await faultOf(scorer().score(numbers(3), never));
    expect(fault).toMatchObject({ code, status });
    expect(fault.message).toContain('because');
    if (code === 'SERVER_OVERLOADED') expect(fault.waitMs).toBe(2000);
  });

  it('reads a compressed reply, and nothing of one whose compression is broken', async () => {
    const answer = (pack: (body: Buffer) => Buffer): void => {
      server.respond = ({ body }) => {
        const { headers, body: plain } = reply(doubled(sent(body)));
        return { headers: { ...headers, 'content-encoding': 'gzip' }, body: pack(plain) };
      };
    };
    answer((body) => gzipSync(body));
    expect(recordsOf(await scorer().score(numbers(300), never))).toEqual(doubled([...Array(300).keys()]));
    answer((body) => gzipSync(body).subarray(0, -9));
    expect(await faultOf(scorer().score(numbers(300), never))).toMatchObject({ code: 'REPLY_MISMATCH' });
    answer((body) => body);
    expect(await faultOf(scorer().score(numbers(300), never))).toMatchObject({ code: 'REPLY_MISMATCH' });
  });

  it('reads a huge reply, and breaks off one that is larger than replies may be', async () => {
    server.respond = ({ body }) => reply(doubled(sent(body)));
    const rows = 12_000;
    const scores = await scorer().score(numbers(rows), never);
    expect(recordsOf(scores)).toEqual(doubled([...Array(rows).keys()]));
    expect(await faultOf(scorer({ maxReplyBytes: 1000 }).score(numbers(rows), never))).toMatchObject({
      code: 'REPLY_MISMATCH',
    });
    const packed = reply(doubled([...Array(rows).keys()]));
    server.respond = () => ({
      headers: { ...packed.headers, 'content-encoding': 'gzip' },
      body: gzipSync(packed.body),
    });
    expect(await faultOf(scorer({ maxReplyBytes: 60_000 }).score(numbers(rows), never))).toMatchObject({
      code: 'REPLY_MISMATCH',
    });
  });

  it('reads a reply that comes a few bytes at a time', async () => {
    server.respond = ({ body }) => ({ ...reply(doubled(sent(body))), piece: 3 });
    expect(recordsOf(await scorer().score(numbers(20), never))).toEqual(doubled([...Array(20).keys()]));
  });

  // Waiting for it is the connection's, whatever the wire.
  if (name === 'drum')
    it('takes a reply that stops coming for an overload', async () => {
      const whole = reply(doubled([...Array(20).keys()]));
      server.respond = () => ({ headers: { ...whole.headers, 'content-length': '9999' }, body: whole.body });
      expect(await faultOf(scorer({ timeoutMs: 60 }).score(numbers(20), never))).toMatchObject({
        code: 'SERVER_OVERLOADED',
        retryable: true,
      });
    });

  it('gives nothing when a connection that was kept is cut in the middle of a reply, and goes on with a new one', async () => {
    const one = scorer({ connections: 1 });
    server.respond = ({ body }) => reply(doubled(sent(body)));
    await one.score(numbers(10), never);
    server.respond = ({ body }) => {
      const whole = reply(doubled(sent(body)));
      return { ...whole, cutAt: whole.body.length >> 1 };
    };
    expect(await faultOf(one.score(numbers(10), never))).toMatchObject({ code: 'SERVER_OVERLOADED', retryable: true });
    server.respond = ({ body }) => reply(doubled(sent(body)));
    expect(recordsOf(await one.score(numbers(10), never))).toEqual(doubled([...Array(10).keys()]));
  });

  it('loses nothing to a server that closes the connection behind every reply', async () => {
    server.respond = ({ body }) => {
      const whole = reply(doubled(sent(body)));
      return { ...whole, headers: { ...whole.headers, connection: 'close' } };
    };
    const one = scorer();
    const before = server.connections;
    const all = await Promise.all(Array.from({ length: 12 }, () => one.score(numbers(3), never)));
    expect(all.map(recordsOf)).toEqual(Array.from({ length: 12 }, () => ['0', '2', '4']));
    expect(server.connections - before).toBe(12);
  });

  it('quotes neither a token nor the request when the server gives both back', async () => {
    const token = 'geheim-4711-geheim';
    const rows = batchOf(
      Array.from({ length: 50 }, (_, i) => [1_234_567_890_123 + i, 987_654_321_987 + i]),
      schemaOf(['a', 'b']),
    );
    for (const padding of [0, 250, 275]) {
      for (const status of [400, 422, 500]) {
        server.respond = ({ body, headers }) => ({
          status,
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({
            message: `ERROR: ${'.'.repeat(padding)} ${headers.authorization} ${body.toString('latin1')}`,
          }),
        });
        const { message } = await faultOf(scorer({ token }).score(rows, never));
        expect(message).not.toMatch(/geheim|4711/);
        expect(message).not.toContain('1234567890124');
        expect(message.length).toBeLessThan(500);
      }
    }
  });

  it('names a problem of FastAPI by its place, without the input that comes with it', async () => {
    server.respond = () => ({
      status: 422,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        detail: [{ type: 'missing', loc: ['body', 'x'], msg: 'Field required', input: { secret: 'of a row' } }],
      }),
    });
    const { message } = await faultOf(scorer().score(numbers(1), never));
    expect(message).toBe('HTTP 422: body.x: Field required');
  });
});
