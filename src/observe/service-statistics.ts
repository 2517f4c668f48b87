import type { FinishedRequest } from '../core/finished-request.ts';
import { LatencyHistogram, type Quantiles } from './latency-histogram.ts';

/** The requests of one run in one process, retries and probes of bad rows among them. */
export interface ServiceFigures {
  readonly requests: number;
  /** Rows in all of them; a row that was sent twice counts twice. */
  readonly rows: number;
  /** Null before the first request. */
  readonly responseMs: Quantiles | null;
  /** Null where the server does not say. */
  readonly executionMs: Quantiles | null;
  /** Requests that took longer than `SLOW_MS`. */
  readonly slow: number;
  /** Replies with a status of 400 to 499, and of 500 and more. */
  readonly clientErrors: number;
  readonly serverErrors: number;
  /** Requests without a reply: no connection, a time-out, a reply that broke off. */
  readonly unanswered: number;
}

/** What DataRobot calls slow unless it is told otherwise. */
export const SLOW_MS = 2_000;

export const NO_SERVICE: ServiceFigures = {
  requests: 0,
  rows: 0,
  responseMs: null,
  executionMs: null,
  slow: 0,
  clientErrors: 0,
  serverErrors: 0,
  unanswered: 0,
};

/** Of several jobs of one process; quantiles only where there is one of them. */
export function addedService(all: readonly ServiceFigures[]): ServiceFigures {
  const sum = (figure: (service: ServiceFigures) => number): number =>
    all.reduce((total, service) => total + figure(service), 0);
  const only = all.length === 1 ? all[0]! : NO_SERVICE;
  return {
    requests: sum(({ requests }) => requests),
    rows: sum(({ rows }) => rows),
    responseMs: only.responseMs,
    executionMs: only.executionMs,
    slow: sum(({ slow }) => slow),
    clientErrors: sum(({ clientErrors }) => clientErrors),
    serverErrors: sum(({ serverErrors }) => serverErrors),
    unanswered: sum(({ unanswered }) => unanswered),
  };
}

/** Counts requests in a few kilobytes, however many there are. */
export class ServiceStatistics {
  readonly #response = new LatencyHistogram();
  readonly #execution = new LatencyHistogram();
  #rows = 0;
  #slow = 0;
  #clientErrors = 0;
  #serverErrors = 0;
  #unanswered = 0;

  record({ latencyMs, executionMs, rows, status }: FinishedRequest): void {
    this.#response.record(latencyMs);
    if (executionMs !== null) this.#execution.record(executionMs);
    this.#rows += rows;
    if (latencyMs > SLOW_MS) this.#slow += 1;
    if (status === 0) this.#unanswered += 1;
    else if (status >= 500) this.#serverErrors += 1;
    else if (status >= 400) this.#clientErrors += 1;
  }

  get requests(): number {
    return this.#response.count;
  }

  figures(): ServiceFigures {
    return {
      requests: this.#response.count,
      rows: this.#rows,
      responseMs: this.#response.quantiles(),
      executionMs: this.#execution.quantiles(),
      slow: this.#slow,
      clientErrors: this.#clientErrors,
      serverErrors: this.#serverErrors,
      unanswered: this.#unanswered,
    };
  }
}
