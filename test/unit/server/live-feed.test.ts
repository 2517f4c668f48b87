import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Caller } from '../../../src/jobs/queue/caller.ts';
import { LiveFeed } from '../../../src/server/live/live-feed.ts';
import type { LiveConnection } from '../../../src/server/live/live-tab.ts';
import type { LiveJob, LiveSnapshot } from '../../../src/server/live/live-view.ts';
import { EventParser } from '../../../src/server/page/event-parser.ts';
import { type ApiServer, startApi } from '../../support/api-server.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const TOKENS = [
  { token: 'token-of-anna', user: 'anna' },
  { token: 'token-of-bert', user: 'bert' },
];

/** A connection that keeps what is written, and is full when it is told so. */
class Kept implements LiveConnection {
  readonly events: { readonly name: string; readonly data: unknown }[] = [];
  readonly closing = new AbortController();
  isFull = false;
  #drained = Promise.withResolvers<void>();
  readonly #parser = new EventParser();

  get closed(): AbortSignal {
    return this.closing.signal;
  }

  write(text: string): boolean {
    for (const { name, data } of this.#parser.feed(text)) this.events.push({ name, data: JSON.parse(data) as unknown });
    return !this.isFull;
  }

  end(): void {
    this.closing.abort();
    this.#drained.resolve();
  }

  drained(): Promise<void> {
    return this.#drained.promise;
  }

  drain(): void {
    this.isFull = false;
    const { resolve } = this.#drained;
    this.#drained = Promise.withResolvers<void>();
    resolve();
  }

  get jobEvents(): readonly (readonly LiveJob[])[] {
    return this.events.filter(({ name }) => name === 'jobs').map(({ data }) => data as readonly LiveJob[]);
  }

  get snapshots(): readonly LiveSnapshot[] {
    return this.events.filter(({ name }) => name === 'snapshot').map(({ data }) => data as LiveSnapshot);
  }
}

let api: ApiServer;
let clock: ManualClock;
let feed: LiveFeed;
let anna: Caller;
let admin: Caller;
const open: Kept[] = [];

beforeEach(async () => {
  api = await startApi({
    deployments: { d: 'http://127.0.0.1:1' },
    server: { tokens: TOKENS },
    token: 'token-of-anna',
  });
  clock = new ManualClock();
  feed = new LiveFeed({ service: api.server.service, clock, log: (line) => expect.fail(line) });
  const { createdBy } = await api.create({ deploymentId: 'd' });
  const user = createdBy as Caller['user'];
  anna = { user, role: 'run' };
  admin = { user: { ...user, userId: 'another', username: 'admin' }, role: 'admin' };
});
afterEach(async () => {
  for (const connection of open.splice(0)) connection.end();
  await feed.close();
  await api[Symbol.asyncDispose]();
});

async function joined(caller: Caller, isFull = false): Promise<Kept> {
  const connection = new Kept();
  connection.isFull = isFull;
  open.push(connection);
  void feed.join(connection, caller);
  await until(() => connection.snapshots.length === 1);
  return connection;
}

/** Looks as often as other work lets it. */
async function until(is: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!is()) {
    if (performance.now() > deadline) throw new Error('it did not come about');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** The same, while time goes on. */
async function come(is: () => boolean): Promise<void> {
  await until(() => {
    clock.advance(50);
    return is();
  });
}

async function changed(id: string, priority: number): Promise<void> {
  const reply = await api.request(`/batchPredictions/${id}/`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ priority }),
  });
  expect(reply.status).toBe(200);
}

test('a tab has a snapshot first: the newest jobs, the deployments, and what it may do', async () => {
  const { snapshots } = await joined(anna);
  expect(snapshots[0]).toMatchObject({ user: 'anna', mayRun: true, deployments: ['d'] });
  expect(snapshots[0]?.jobs).toMatchObject([{ deploymentId: 'd', status: 'INITIALIZING', upload: 'waiting' }]);
});

test('however much changes, a tab has one event in 250 ms, with the newest of each job', async () => {
  const tab = await joined(anna);
  const first = await api.create({ deploymentId: 'd' });
  await until(() => tab.jobEvents.length === 1);
  const second = await api.create({ deploymentId: 'd' });
  for (let priority = 1; priority <= 10; priority += 1) {
    await changed(first.id, priority);
    await changed(second.id, priority);
  }
  expect(tab.jobEvents).toHaveLength(1);
  clock.advance(249);
  await new Promise((resolve) => setImmediate(resolve));
  expect(tab.jobEvents).toHaveLength(1);
  clock.advance(1);
  await until(() => tab.jobEvents.length === 2);
  expect(tab.jobEvents[1]?.map(({ id }) => id).toSorted()).toEqual([first.id, second.id].toSorted());
  // One that was held back by the events of a single job comes with the next event.
  const revision = async (id: string): Promise<number | undefined> =>
    (await api.server.service.get(id, admin)).revision;
  const wanted = await revision(first.id);
  const newest = (): number | undefined => tab.jobEvents.flat().findLast(({ id }) => id === first.id)?.revision;
  await come(() => newest() === wanted);
});

test('a tab sees the jobs of its user only, an administrator those of all', async () => {
  const own = await joined(anna);
  const all = await joined(admin);
  const reply = await api.request('/batchPredictions/', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer token-of-bert' },
    body: JSON.stringify({ deploymentId: 'd' }),
  });
  const { id } = (await reply.json()) as { readonly id: string };
  await come(() => all.jobEvents.flat().some((job) => job.id === id));
  const mine = await api.create({ deploymentId: 'd' });
  await come(() => own.jobEvents.flat().some((job) => job.id === mine.id));
  expect(own.jobEvents.flat().map((job) => job.id)).not.toContain(id);
});

test('a tab that does not read is sent nothing more, and a new snapshot when it reads again', async () => {
  const slow = await joined(anna, true);
  const quick = await joined(anna);
  for (let i = 1; i <= 3; i += 1) {
    const { id } = await api.create({ deploymentId: 'd' });
    await come(() => quick.jobEvents.flat().some((job) => job.id === id));
  }
  expect(slow.events).toHaveLength(1);
  slow.drain();
  await until(() => slow.snapshots.length === 2);
  expect(slow.snapshots[1]?.jobs).toHaveLength(4);
  const { id } = await api.create({ deploymentId: 'd' });
  await come(() => slow.jobEvents.flat().some((job) => job.id === id));
});

test('a tab that is closed is forgotten', async () => {
  const tab = await joined(anna);
  await joined(anna);
  expect(feed.tabs).toBe(2);
  tab.end();
  expect(feed.tabs).toBe(1);
});

test('changes that nobody here tells of are found: another server works on the job', async () => {
  const tab = await joined(anna);
  const [job] = tab.snapshots[0]!.jobs;
  await clock.asleep();
  await api.server.service.store.update(job!.id, () => ({ priority: 7 }));
  const before = tab.jobEvents.length;
  clock.advance(2_000);
  await until(() => tab.jobEvents.length > before);
  expect(tab.jobEvents.at(-1)).toMatchObject([{ id: job!.id, revision: 2 }]);
});
