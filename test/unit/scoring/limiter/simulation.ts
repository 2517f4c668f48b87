import { ServerBudget } from '../../../../src/scoring/limiter/server-budget.ts';
import type { Limiter } from '../../../../src/scoring/limiter.ts';
import { VirtualClock } from '../../../support/virtual-clock.ts';
import { type ServerSettings, SimulatedServer } from './simulated-server.ts';

/** How long a client waits that was refused. */
const AGAIN_MS = 100;
/** Requests that a client would send at once if nobody held it back: far more than any of the servers bears. */
const EAGER = 200;

export interface Scenario extends ServerSettings {
  readonly seconds: number;
  /** Rows of a request that begins then. Default 1. */
  readonly rows?: (ms: number) => number;
}

export interface Request {
  readonly begun: number;
  readonly ended: number;
  readonly result: 'ok' | 'overload';
}

/** What came of a simulation. */
export class Figures {
  readonly utilisation: number;
  readonly requests: readonly Request[];
  /** The limit after every second. */
  readonly limits: readonly number[];
  readonly #latencies: readonly number[];

  constructor(utilisation: number, requests: readonly Request[], limits: readonly number[]) {
    this.utilisation = utilisation;
    this.requests = requests;
    this.limits = limits;
    const answered = requests.filter(({ result }) => result === 'ok');
    this.#latencies = answered.map(({ begun, ended }) => ended - begun).toSorted((a, b) => a - b);
  }

  /** As a share of all requests. */
  get rejected(): number {
    return 1 - this.#latencies.length / this.requests.length;
  }

  /** Milliseconds of the requests that were answered, from sending on. */
  latency(quantile: number): number {
    return this.#latencies[Math.floor(quantile * (this.#latencies.length - 1))]!;
  }

  /** Answers per second from one time to another, in milliseconds. */
  rate(from: number, to: number): number {
    const answers = this.requests.filter(({ result, ended }) => result === 'ok' && ended > from && ended <= to);
    return (1000 * answers.length) / (to - from);
  }
}

/** Sends one request after the other, each with a permit, for ever. */
export async function client(
  clock: VirtualClock,
  limiter: Limiter,
  serve: (rows: number) => Promise<'ok' | 'overload'>,
  rows: (ms: number) => number,
  note: (request: Request) => void,
): Promise<never> {
  const never = new AbortController().signal;
  for (;;) {
    const permit = await limiter.acquire(never);
    const begun = clock.now();
    const size = rows(begun);
    const result = await serve(size);
    const ended = clock.now();
    permit.release({ latencyMs: ended - begun, rows: size, result });
    note({ begun, ended, result });
    if (result === 'overload') await clock.sleep(AGAIN_MS, never);
  }
}

/** A client that always has work, behind a limiter that finds out what the server bears. */
export async function simulate(scenario: Scenario, seed: number): Promise<Figures> {
  const clock = new VirtualClock(seed);
  const server = new SimulatedServer(clock, scenario);
  const limiter = new ServerBudget(clock).join({ ceiling: EAGER });
  const requests: Request[] = [];
  const limits: number[] = [];
  const serve = (rows: number): Promise<'ok' | 'overload'> => server.serve(rows);
  for (let i = 0; i < EAGER; i += 1)
    void client(clock, limiter, serve, scenario.rows ?? (() => 1), (request) => requests.push(request));
  for (let second = 1; second <= scenario.seconds; second += 1) {
    clock.at(1000 * second, () => {
      server.work();
      limits.push(limiter.limit);
    });
  }
  await clock.runUntil(1000 * scenario.seconds);
  return new Figures(server.utilisation, requests, limits);
}

/** The same with six seeds. */
export function sixTimes(scenario: Scenario): Promise<readonly Figures[]> {
  return Promise.all([1, 2, 3, 4, 5, 6].map((seed) => simulate(scenario, seed)));
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}
