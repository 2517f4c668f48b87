import type { Clock } from '../../core/clock.ts';
import type { FinishedRequest } from '../../core/finished-request.ts';
import type { StageMeter } from '../../core/stage-meter.ts';
import { ServiceStatistics } from '../../observe/service-statistics.ts';
import { SILENT_MS } from '../../scoring/limiter/neighbours.ts';
import type { ScorerStack } from '../../scoring/scorer-stack.ts';
import type { RequestFigures } from '../job-run.ts';
import type { News } from './process-news.ts';
import { figuresName, readFigures, type WorkerFigures } from './worker-figures.ts';

interface Heard {
  readonly figures: WorkerFigures;
  readonly atMs: number;
  hasLeft: boolean;
}

/** The processes that score for one job, as whoever runs it sees them together. Those of which nothing is heard count for nothing. */
export class JobWorkers implements News {
  readonly #clock: Clock;
  readonly #meter: StageMeter;
  readonly #heard = new Map<string, Heard>();
  readonly #ended = new ServiceStatistics();
  #name: string | null = null;
  #partitions = 0;
  #retries = 0;

  /** @param meter of the score stage: the time of the others is booked there. */
  constructor(clock: Clock, meter: StageMeter) {
    this.#clock = clock;
    this.#meter = meter;
  }

  /** The job is on the cluster, under this name, and no more partitions than these are worked on at once. */
  follow(name: string, partitions: number): void {
    this.#name = figuresName(name);
    this.#partitions = partitions;
  }

  tell(): ReadonlyMap<string, string> {
    return new Map();
  }

  hear(process: string, name: string, text: string | null): void {
    if (name !== this.#name) return;
    const before = this.#heard.get(process);
    const figures = text === null ? null : readFigures(text);
    if (figures !== null) {
      this.#book(figures, before?.figures);
      this.#heard.set(process, { figures, atMs: this.#clock.now(), hasLeft: false });
    } else if (before !== undefined) before.hasLeft = true;
  }

  /** A request for a row of the job has ended, wherever. */
  ended(request: FinishedRequest): void {
    this.#ended.record(request);
  }

  /** @param own the counters of this process. */
  all(own: ScorerStack['counters']): RequestFigures {
    const since = this.#clock.now() - SILENT_MS;
    const others = [...this.#heard.values()].filter(({ atMs, hasLeft }) => !hasLeft && atMs >= since);
    const all = [own, ...others.map(({ figures }) => figures)];
    const limit = all.reduce((sum, { limit }) => sum + limit, 0);
    const recent = own.recent();
    for (const { figures } of others) recent.add(figures.recent);
    return {
      inFlight: all.reduce((sum, { inFlight }) => sum + inFlight, 0),
      // Each partition has one request at a time, whatever its worker would be allowed.
      limit: others.length === 0 ? limit : Math.min(limit, this.#partitions),
      requests: this.#ended.requests,
      retries: own.retries + this.#retries,
      latency: this.#ended.figures().responseMs,
      recentLatency: recent.quantiles(),
    };
  }

  /** What has come since it was heard of last; one that has begun anew counts from nothing. */
  #book(now: WorkerFigures, before: WorkerFigures | undefined): void {
    this.#retries += added(now.retries, before?.retries);
    for (const activity of ['work', 'input', 'server', 'output'] as const)
      this.#meter.add(activity, added(now.score[activity], before?.score[activity]));
  }
}

function added(now: number, before = 0): number {
  return now < before ? now : now - before;
}
