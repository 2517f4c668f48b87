import { type Clock, systemClock } from '../../src/core/clock.ts';
import { budgetsInUse } from '../../src/scoring/limiter/server-budget.ts';
import { createScorer, type StackSettings } from '../../src/scoring/scorer-stack.ts';
import { batchOfBench, PoolServer } from './pool-server.ts';

const WORKERS = 8;
const EAGER = 64;
const EVERY_MS = 50;
/** Until limits are found, and what is measured after that counts. */
const WARM_UP = 0.25;
const BEAT_MS = 2_000;

interface Case {
  readonly name: string;
  /** How the backfill sends; null: there is none. */
  readonly backfill: Pick<StackSettings, 'limiter' | 'numConcurrent'> | null;
  /** Whether it is a process of its own: with a budget of its own that is told of the other one. */
  readonly isApart?: boolean;
}

const cases: readonly Case[] = [
  { name: 'no backfill', backfill: null },
  { name: 'a backfill in the same process', backfill: { limiter: 'auto', numConcurrent: EAGER } },
  { name: 'a backfill in another one', backfill: { limiter: 'auto', numConcurrent: EAGER }, isApart: true },
  { name: 'a backfill that shares nothing, fixed 64', backfill: { limiter: 'fixed', numConcurrent: EAGER } },
];

/** The latency of a live user of 20 requests a second, with its wait for a permit, beside backfills; all cases at the same time, each with its server. */
export async function probe(seconds: number, print: (cells: readonly string[]) => void): Promise<void> {
  print([
    'live user beside',
    'workers busy',
    'live median',
    'live 99th percentile',
    'requests of the backfill a second',
  ]);
  print(Array.from({ length: 5 }, () => '---'));
  for (const line of await Promise.all(cases.map((tested) => run(tested, 1000 * seconds)))) print(line);
}

async function run({ name, backfill, isApart }: Case, lengthMs: number): Promise<readonly string[]> {
  const server = new PoolServer({ workers: () => WORKERS, refusal: null }, lengthMs);
  await server.open();
  const over = new AbortController();
  const [here, there] = [{ ...systemClock }, { ...systemClock }];
  const address = { id: 'd', server: server.url, rowWitness: false, target: 'y' };
  const open = (settings: StackSettings, clock: Clock, priority: 'live' | 'batch') =>
    createScorer(address, { ...settings, serverShare: { priority } }, { clock }).scorer;
  const live = open({ limiter: 'auto', numConcurrent: EAGER }, here, 'live');
  const start = systemClock.now();
  const isMeasured = (): boolean => systemClock.now() - start > WARM_UP * lengthMs;

  const latencies: number[] = [];
  const once = async (): Promise<void> => {
    const came = systemClock.now();
    await live.score(batchOfBench(), over.signal);
    if (isMeasured()) latencies.push(systemClock.now() - came);
  };
  const arrivals = setInterval(() => void once().catch(() => undefined), EVERY_MS);
  // What the topic of budgets does between processes.
  const beats = setInterval(() => {
    if (isApart !== true) return;
    for (const [name, from, to] of [
      ['here', here, there],
      ['there', there, here],
    ] as const) {
      const origin = new URL(server.url).origin;
      const use = budgetsInUse(from).get(origin)?.exchange();
      if (use !== undefined) budgetsInUse(to).get(origin)?.heard(name, use);
    }
  }, BEAT_MS);

  let scored = 0;
  const batch = backfill === null ? null : open(backfill, isApart === true ? there : here, 'batch');
  const always = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await batch!.score(batchOfBench(), over.signal).catch(() => undefined);
      if (isMeasured()) scored += 1;
    }
  };
  const clients = batch === null ? [] : Array.from({ length: EAGER }, always);
  await systemClock.sleep(lengthMs, over.signal);
  const { utilisation } = server;
  clearInterval(arrivals);
  clearInterval(beats);
  over.abort();
  await Promise.all(clients);
  for (const scorer of [live, batch]) await scorer?.close();
  await server.close();
  latencies.sort((a, b) => a - b);
  const at = (q: number): string => `${Math.round(latencies[Math.floor(q * (latencies.length - 1))]!)} ms`;
  const rate = (scored / ((1 - WARM_UP) * lengthMs)) * 1000;
  return [name, `${(100 * utilisation).toFixed(1)} %`, at(0.5), at(0.99), batch === null ? '' : rate.toFixed(1)];
}
