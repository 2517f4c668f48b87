/**
 * The limiter that finds its own limit, beside fixed ones, over HTTP: the scorer of a job (permits, retries, connections) against a server with a
 * pool of workers of 100 ms and some. Every case runs with its limiters at the same time, each against a server of its own.
 *
 *     npm exec -- node test/bench/limiter.ts [seconds per case]
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { systemClock } from '../../src/core/clock.ts';
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import { createScorer } from '../../src/scoring/scorer-stack.ts';

/** Requests that the client would send at once. */
const EAGER = 64;
const SERVICE_MS = 100;
/** Of the service time, exponentially distributed. */
const JITTER = 0.5;
const ROWS = 100;

interface Case {
  readonly name: string;
  /** Workers, as of a share of the run. */
  readonly workers: (share: number) => number;
  /** What is answered where twice as many requests as workers are there already; null: they wait. */
  readonly refusal: { readonly status: number; readonly headers?: Readonly<Record<string, string>> } | null;
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

/** A prediction server with workers and a line in front of them. */
class PoolServer {
  answered = 0;
  refused = 0;
  readonly #case: Case;
  readonly #lengthMs: number;
  readonly #start = systemClock.now();
  readonly #line: (() => void)[] = [];
  #http: Server | null = null;
  #port = 0;
  #busy = 0;
  #inside = 0;
  #busyMs = 0;
  #workerMs = 0;
  #seen = this.#start;

  constructor(tested: Case, lengthMs: number) {
    this.#case = tested;
    this.#lengthMs = lengthMs;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Of the workers' time while the server was up. */
  get utilisation(): number {
    this.#look();
    return this.#busyMs / this.#workerMs;
  }

  async open(): Promise<void> {
    this.#look();
    this.#http = createServer((request, response) => {
      let lines = 0;
      request.on('data', (chunk: Buffer) => {
        for (const byte of chunk) if (byte === 10) lines += 1;
      });
      request.on('end', () => {
        if (request.method === 'POST') this.#serve(lines - 1, response);
        else response.writeHead(404).end();
      });
    });
    await new Promise<void>((resolve) => this.#http!.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#look();
    const http = this.#http!;
    this.#http = null;
    this.#line.length = 0;
    this.#busy = 0;
    this.#inside = 0;
    const closed = new Promise<void>((resolve) => http.close(() => resolve()));
    http.closeAllConnections();
    await closed;
  }

  /** Gives work to those who have none. */
  work(): void {
    this.#look();
    while (this.#busy < this.#workers && this.#line.length > 0) {
      this.#busy += 1;
      this.#line.shift()!();
    }
  }

  get #workers(): number {
    return this.#case.workers((this.#seen - this.#start) / this.#lengthMs);
  }

  #serve(rows: number, response: ServerResponse): void {
    const { refusal } = this.#case;
    this.#look();
    if (refusal !== null && this.#inside >= 2 * this.#workers) {
      this.refused += 1;
      response.writeHead(refusal.status, { 'content-type': 'application/json', ...refusal.headers });
      response.end('{"message":"busy"}');
      return;
    }
    const life = this.#http;
    this.#inside += 1;
    this.#line.push(() => {
      setTimeout(
        () => {
          if (life !== this.#http) return;
          this.#look();
          this.#busy -= 1;
          this.#inside -= 1;
          this.answered += 1;
          response.writeHead(200, { 'content-type': 'text/csv' });
          response.end(`y_PREDICTION\n${'0.5\n'.repeat(rows)}`);
          this.work();
        },
        SERVICE_MS * (1 - JITTER * Math.log(1 - Math.random())),
      );
    });
    this.work();
  }

  #look(): void {
    const now = systemClock.now();
    if (this.#http !== null) {
      const workers = this.#workers;
      this.#busyMs += Math.min(this.#busy, workers) * (now - this.#seen);
      this.#workerMs += workers * (now - this.#seen);
    }
    this.#seen = now;
  }
}

function batch(): RowBatch {
  const { bytes, ends } = encodeRecords(Array.from({ length: ROWS }, (_, i) => [i]));
  const origin = { split: 'rows', firstRow: 0, after: null, position: ROWS, rejected: [] };
  return RowBatch.fromCsv(schemaOf(['x']), origin, bytes, ends);
}

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
    while (!over.signal.aborted) await scorer.score(batch(), over.signal).catch(() => undefined);
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
print(['server', 'limiter', 'workers busy', 'refused', 'median', '99th percentile']);
print(Array.from({ length: 6 }, () => '---'));
for (const tested of cases) {
  const limiters = ['auto', tested.known, EAGER] as const;
  for (const line of await Promise.all(limiters.map((limiter) => run(tested, limiter, seconds)))) print(line);
}
