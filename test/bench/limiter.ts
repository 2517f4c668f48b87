/**
 * The limiter that finds its own limit, beside fixed ones, over HTTP: the scorer of a job (permits, retries, connections) against a server with a
 * pool of workers of 100 ms and some. Every case runs with its limiters at the same time, each against a server of its own.
 *
 *     npm exec -- node test/bench/limiter.ts [seconds per case]
 *     npm exec -- node test/bench/limiter.ts [seconds per case] --probe
 *
 * With `--probe`: a live user of 20 requests a second by itself, and beside a backfill.
 */
import { systemClock } from '../../src/core/clock.ts';
import { createScorer } from '../../src/scoring/scorer-stack.ts';
import { probe } from './live-probe.ts';
import { batchOfBench, PoolServer, type PoolSettings } from './pool-server.ts';

/** Requests that the client would send at once. */
const EAGER = 64;

interface Case extends PoolSettings {
  readonly name: string;
  /** The share of the run at which the server stops, for two seconds. */
  readonly restart?: number;
  /** The fixed limit that somebody would choose who knows the server. */
  readonly known: number;
  readonly length?: number;
}

const eight = (): number => 8;
const changing = (share: number): number => [8, 2, 8, 32][Math.min(3, Math.floor(4 * share))]!;
const cases: readonly Case[] = [
  { name: 'silent queue', workers: eight, refusal: null, known: 8 },
  { name: '429', workers: eight, refusal: { status: 429 }, known: 8 },
  { name: '503, Retry-After: 1', workers: eight, refusal: { status: 503, headers: { 'retry-after': '1' } }, known: 8 },
  { name: '8 > 2 > 8 > 32 workers, 503', workers: changing, refusal: { status: 503 }, known: 8, length: 2 },
  { name: 'restart', workers: eight, refusal: null, restart: 0.4, known: 8 },
];

async function run(tested: Case, limiter: 'auto' | number, seconds: number): Promise<readonly string[]> {
  const lengthMs = 1000 * seconds * (tested.length ?? 1);
  const server = new PoolServer(tested, lengthMs);
  await server.open();
  const over = new AbortController();
  const latencies: number[] = [];
  const { scorer, counters } = createScorer(
    { id: 'd', server: server.url, rowWitness: false, target: 'y' },
    limiter === 'auto' ? { numConcurrent: EAGER, limiter } : { numConcurrent: limiter },
    { clock: systemClock, onSent: ({ result, latencyMs }) => result === 'ok' && latencies.push(latencyMs) },
  );
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) await scorer.score(batchOfBench(), over.signal).catch(() => undefined);
  };
  const clients = Array.from({ length: EAGER }, client);
  const looking = setInterval(() => server.work(), 100);
  if (tested.restart !== undefined) {
    await systemClock.sleep(tested.restart * lengthMs, over.signal);
    await server.close();
    await systemClock.sleep(2000, over.signal);
    await server.open();
    await systemClock.sleep((1 - tested.restart) * lengthMs - 2000, over.signal);
  } else await systemClock.sleep(lengthMs, over.signal);
  const { utilisation, answered, refused } = server;
  const { limit } = counters;
  over.abort();
  await Promise.all(clients);
  clearInterval(looking);
  await scorer.close();
  await server.close();
  latencies.sort((a, b) => a - b);
  const at = (q: number): string => `${Math.round(latencies[Math.floor(q * (latencies.length - 1))]!)} ms`;
  return [
    tested.name,
    limiter === 'auto' ? `auto (ends at ${limit})` : `fixed ${limiter}`,
    `${(100 * utilisation).toFixed(1)} %`,
    `${((100 * refused) / (answered + refused)).toFixed(1)} %`,
    at(0.5),
    at(0.99),
  ];
}

const seconds = Number(process.argv[2] ?? 30);
const print = (cells: readonly string[]): void => console.log(`| ${cells.join(' | ')} |`);
if (process.argv.includes('--probe')) await probe(seconds, print);
else {
  print(['server', 'limiter', 'workers busy', 'refused', 'median', '99th percentile']);
  print(Array.from({ length: 6 }, () => '---'));
  for (const tested of cases) {
    const limiters = ['auto', tested.known, EAGER] as const;
    for (const line of await Promise.all(limiters.map((limiter) => run(tested, limiter, seconds)))) print(line);
  }
}
