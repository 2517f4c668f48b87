import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SluiceError } from '../../../src/core/error.ts';
import type { Scores } from '../../../src/core/scorer.ts';
import { createScorer, type StackSettings } from '../../../src/scoring/scorer-stack.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type Behaviour, PredictionServer } from '../../support/prediction-server.ts';
import { faultOf, never, numbered, recordsOf } from './rows.ts';

let server: PredictionServer;
let clock: ManualClock;
let events: string[];
const open: { close(): Promise<void> }[] = [];

beforeEach(async () => {
  server = await PredictionServer.start();
  clock = new ManualClock(Date.UTC(2026, 0, 1));
  events = [];
});

afterEach(async () => {
  for (const scorer of open.splice(0)) await scorer.close();
  await server.close();
});

function stack(settings: Partial<StackSettings> = {}): ReturnType<typeof createScorer> {
  const made = createScorer(
    { id: 'flights', server: server.url },
    { numConcurrent: 4, ...settings },
    {
      clock,
      onPause: (reason: SluiceError) => events.push(`pause ${reason.status}`),
      onResume: () => events.push('resume'),
    },
  );
  open.push(made.scorer);
  return made;
}

/** Answers the first requests so, and scores all later ones. */
function first(...behaviours: readonly Behaviour[]): void {
  const from = server.requests.length;
  server.options = { respond: (request) => behaviours[request.number - from] };
}

const always = (behaviour: Behaviour): void => {
  server.options = { respond: () => behaviour };
};

/** Some turns of the event loop, so that requests overlap. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}

describe('an overloaded server', () => {
  it.each([429, 502, 503, 504])('is asked again after %i: the rows are kept', async (status) => {
    const { scorer, counters } = stack();
    first({ status }, { status });
    const scores = scorer.score(numbered(3), never);
    for (const backoff of [100, 200]) {
      await clock.asleep();
      expect(clock.slept.at(-1)).toBe(backoff);
      clock.advance(backoff);
    }
    expect(recordsOf(await scores)).toEqual(['0', '2', '4']);
    expect(server.requests.map((request) => request.rows.length)).toEqual([3, 3, 3]);
    expect(counters).toMatchObject({ requests: 3, retries: 2, inFlight: 0 });
    expect(counters.latency()).not.toBeNull();
  });

  it('is left alone for as long as it asks for, in seconds or until a date, and a quarter of that at the most', async () => {
    const { scorer } = stack();
    first(
      { status: 503, headers: { 'retry-after': '7' } },
      { status: 429, headers: { 'retry-after': 'Thu, 01 Jan 2026 00:01:07 GMT' } },
    );
    clock.luck = 0;
    const scores = scorer.score(numbered(1), never);
    await clock.asleep();
    expect(clock.slept).toEqual([7000]);
    clock.advance(6999);
    expect(clock.sleepers).toBe(1);
    clock.luck = 1;
    clock.advance(1);
    await clock.asleep();
    expect(clock.slept).toEqual([7000, 75_000]);
    clock.advance(75_000);
    expect(recordsOf(await scores)).toEqual(['0']);
  });

  it('is asked ever more rarely, every 30 s at the most, until ten minutes are over; the cause is kept', async () => {
    const { scorer } = stack();
    always({ status: 503, body: '{"message":"no worker is free"}' });
    clock.luck = 1;
    clock.autoAdvance();
    const fault = await faultOf(scorer.score(numbered(1), never));
    expect(fault).toMatchObject({ code: 'RETRY_BUDGET_SPENT', scope: 'job' });
    expect(fault.message).toContain('no worker is free');
    expect(fault.cause).toMatchObject({ code: 'SERVER_OVERLOADED', status: 503 });
    expect(clock.now()).toBe(600_000);
    expect(clock.slept.slice(0, 9)).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000]);
    expect(Math.max(...clock.slept)).toBe(30_000);
  });

  it('does not spend the budget while other partitions have success', async () => {
    const { scorer } = stack({ retry: { budgetMs: 5000 } });
    server.options = {
      respond: (request) => (request.rows[0]![0] === '100' && clock.now() < 60_000 ? { status: 503 } : undefined),
    };
    clock.luck = 1;
    const stubborn = scorer.score(numbered(1, 100), never);
    while (clock.now() < 60_000) {
      await clock.asleep();
      await scorer.score(numbered(1), never);
      clock.advance(clock.slept.at(-1)!);
    }
    expect(recordsOf(await stubborn)).toEqual(['200']);
  });

  it('does not spend the budget before it is asked: a slow source may be silent for long', async () => {
    const { scorer } = stack();
    await scorer.score(numbered(1), never);
    clock.advance(3_600_000);
    first({ status: 503 });
    const stop = clock.autoAdvance();
    expect(recordsOf(await scorer.score(numbered(1), never))).toEqual(['0']);
    stop();
  });

  it('is no longer waited for when the signal aborts', async () => {
    const { scorer } = stack();
    always({ status: 503 });
    const stop = new AbortController();
    const scores = scorer.score(numbered(1), stop.signal);
    await clock.asleep();
    stop.abort(new Error('enough'));
    await expect(scores).rejects.toThrow('enough');
    expect(clock.sleepers).toBe(0);
  });
});

describe('a server that is not there', () => {
  it('from the start ends the job after 30 s and asks whether it is started', async () => {
    const { scorer } = stack();
    await server.close();
    clock.autoAdvance();
    for (const attempt of [() => scorer.describe(never), () => scorer.score(numbered(1), never)]) {
      const fault = await faultOf(attempt());
      expect(fault).toMatchObject({ code: 'RETRY_BUDGET_SPENT', cause: { code: 'SERVER_UNREACHABLE' } });
      expect(fault.message).toMatch(/Is it started.*http:\/\/127\.0\.0\.1/);
    }
    expect(clock.now()).toBeGreaterThanOrEqual(30_000);
    expect(clock.now()).toBeLessThan(70_000);
    server = await PredictionServer.start();
  });

  it('dies in the middle, comes back after minutes, and every row has its prediction', async () => {
    const { scorer } = stack();
    const { port } = server;
    expect(recordsOf(await scorer.score(numbered(2), never))).toEqual(['0', '2']);
    await server.close();
    const later = [1, 2, 3, 4].map((part) => scorer.score(numbered(10, part * 10), never));
    clock.luck = 1;
    while (clock.now() < 300_000) {
      await clock.asleep(4);
      clock.advance(30_000);
    }
    await clock.asleep(4);
    server = await PredictionServer.start({}, port);
    clock.advance(30_000);
    const all = await Promise.all(later);
    expect(all.flatMap(recordsOf)).toEqual(Array.from({ length: 40 }, (_, i) => String(2 * (i + 10))));
    expect(server.requests.map((request) => request.rows.length)).toEqual([10, 10, 10, 10]);
  });

  it('breaks a connection in the middle of a reply: the batch is asked again, whole', async () => {
    const { scorer } = stack();
    first({ drop: 'middle' }, { drop: 'before' });
    clock.autoAdvance();
    expect(recordsOf(await scorer.score(numbered(40), never))).toHaveLength(40);
    expect(server.requests.map((request) => request.rows.length)).toEqual([40, 40, 40]);
  });
});

describe('refused access', () => {
  it.each([401, 403, 404])('with %i before the first success ends the job at once', async (status) => {
    const { scorer } = stack();
    always({ status });
    const fault = await faultOf(scorer.score(numbered(1), never));
    expect(fault).toMatchObject({ code: 'SERVER_ACCESS', status });
    expect(fault.message).toContain('deployment.token');
    expect(server.requests).toHaveLength(1);
    expect(events).toEqual([]);
  });

  it('after a success pauses the job, one caller asks on, and all continue when it is granted', async () => {
    const { scorer } = stack();
    await scorer.score(numbered(1), never);
    always({ status: 401 });
    const calls = [1, 2, 3, 4].map((part) => scorer.score(numbered(5, part * 5), never));
    await clock.asleep();
    expect(clock.sleepers).toBe(1);
    // All four may have been under way when the first was refused; from now on one asks.
    const before = server.requests.length;
    for (const ms of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      expect(clock.slept.at(-1)).toBe(ms);
      clock.advance(ms);
      await clock.asleep();
    }
    expect(events).toEqual(['pause 401']);
    const late = scorer.score(numbered(5, 25), never);
    clock.advance(30_000);
    await clock.asleep();
    expect(server.requests.length - before).toBeLessThanOrEqual(8 + 3);
    server.options = {};
    clock.advance(30_000);
    const all = await Promise.all([...calls, late]);
    expect(all.flatMap(recordsOf)).toEqual(Array.from({ length: 25 }, (_, i) => String(2 * (i + 5))));
    expect(events).toEqual(['pause 401', 'resume']);
  });

  it('is not waited for beyond its own budget, nor when the job must not pause', async () => {
    const { scorer } = stack({ retry: { accessBudgetMs: 10_000 } });
    await scorer.score(numbered(1), never);
    always({ status: 403 });
    clock.autoAdvance();
    const fault = await faultOf(scorer.score(numbered(1), never));
    expect(fault).toMatchObject({ code: 'RETRY_BUDGET_SPENT', cause: { code: 'SERVER_ACCESS' } });
    expect(clock.now()).toBe(10_000);
    const strict = stack({ retry: { pauseOnAccess: false } }).scorer;
    server.options = {};
    await strict.score(numbered(1), never);
    always({ status: 403 });
    expect(await faultOf(strict.score(numbered(1), never))).toMatchObject({ code: 'SERVER_ACCESS' });
  });

  it('is asked about by another caller when the one that asked gives up', async () => {
    const { scorer } = stack();
    await scorer.score(numbered(1), never);
    always({ status: 401 });
    const stop = new AbortController();
    const asking = scorer.score(numbered(1), stop.signal);
    await clock.asleep();
    const waiting = scorer.score(numbered(1, 9), never);
    stop.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
    await clock.asleep();
    server.options = {};
    clock.advance(1000);
    expect(recordsOf(await waiting)).toEqual(['18']);
  });
});

describe('a reply that does not match', () => {
  const wrong = { edit: (records: string[]) => records.toReversed() };

  it('is asked for once more', async () => {
    const { scorer } = stack();
    first(wrong);
    expect(recordsOf(await scorer.score(numbered(3), never))).toEqual(['0', '2', '4']);
    expect(server.requests).toHaveLength(2);
  });

  it('twice ends it: no pair is guessed', async () => {
    const { scorer } = stack();
    always(wrong);
    expect(await faultOf(scorer.score(numbered(3), never))).toMatchObject({ code: 'REPLY_MISMATCH', scope: 'batch' });
    expect(server.requests).toHaveLength(2);
  });
});

describe('the concurrency', () => {
  it('never exceeds numConcurrent, with bad rows, too large batches, retries and probes under way', async () => {
    for (const numConcurrent of [1, 2, 5]) {
      const { scorer } = stack({ numConcurrent });
      clock.autoAdvance();
      server.maxInFlight = 0;
      server.options = {
        maxBytes: 400,
        reject: ([id]) => (Number(id) % 11 === 3 ? `row ${id} is bad` : null),
        rejectAs: 500,
        respond: ({ number }) => (number % 7 === 1 ? { status: 503 } : { after: turns(10) }),
      };
      const parts = Array.from({ length: 12 }, (_, part) => scorer.score(numbered(50, part * 50), never));
      const all = await Promise.all(parts);
      expect(all.flatMap(recordsOf)).toEqual(
        Array.from({ length: 600 }, (_, id) =>
          id % 11 === 3 ? expect.stringContaining(`row ${id} is bad`) : String(2 * id),
        ),
      );
      expect(server.maxInFlight).toBeLessThanOrEqual(numConcurrent);
      if (numConcurrent > 1) expect(server.maxInFlight).toBeGreaterThan(1);
    }
  });
});

describe('the model', () => {
  const addressable = { model: { id: 'a', addressable: true }, target: { name: 'y', kind: 'regression' } };

  it('that answers first is the one for the whole job; another answer is asked for again, then ends it', async () => {
    const { scorer, model } = stack();
    expect(model).toBeNull();
    server.options = { modelId: 'a' };
    const one: Scores = await scorer.score(numbered(1), never);
    expect(one.model).toEqual({ id: 'a' });
    server.options = { modelId: 'a', respond: ({ number }) => (number === 1 ? { modelId: 'b' } : undefined) };
    expect((await scorer.score(numbered(1), never)).model).toEqual({ id: 'a' });
    server.options = { modelId: 'b' };
    const fault = await faultOf(scorer.score(numbered(1), never));
    expect(fault).toMatchObject({ code: 'MODEL_CHANGED', scope: 'job' });
    expect(fault.message).toMatch(/Model b answered.*model|scored with a/);
    expect(server.requests).toHaveLength(5);
  });

  it('of a continued job is asked for by its id where the server can tell its models apart', async () => {
    server.options = { info: { ...addressable, model: { id: 'b', addressable: true } }, modelId: 'a' };
    const { scorer } = stack({ pinned: { id: 'a' } });
    await scorer.describe(never);
    await scorer.score(numbered(1), never);
    expect(server.requests[0]!.headers['x-sluice-model-id']).toBe('a');
    always({ status: 409 });
    expect(await faultOf(scorer.score(numbered(1), never))).toMatchObject({ code: 'MODEL_CHANGED', status: 409 });
  });

  it('is the described one for a new job, and is not named to a server that cannot tell', async () => {
    server.options = { info: addressable };
    const made = stack();
    await made.scorer.describe(never);
    expect(made.model).toEqual({ id: 'a' });
    await made.scorer.score(numbered(1), never);
    server.options = { info: { model: { id: 'a' } } };
    const other = stack();
    await other.scorer.describe(never);
    await other.scorer.score(numbered(1), never);
    expect(server.requests.map((request) => request.headers['x-sluice-model-id'])).toEqual(['a', undefined]);
  });
});
