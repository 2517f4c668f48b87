import type { FinishedRequest } from '../core/finished-request.ts';
import { type LatencyCounts, LatencyHistogram } from './latency-histogram.ts';
import { SLOW_MS } from './service-statistics.ts';

/** The requests of one hour, as JSON that can be kept and added. */
export interface ServiceHour {
  readonly requests: number;
  /** Rows of the requests that were answered well. */
  readonly predictions: number;
  /** Requests that took longer than `SLOW_MS`. */
  readonly slow: number;
  /** Replies with a status of 400 to 499, and of 500 and more. */
  readonly clientErrors: number;
  readonly serverErrors: number;
  readonly unanswered: number;
  readonly response: LatencyCounts;
  /** Of servers that say how long they took by themselves. */
  readonly execution: LatencyCounts;
  /** Requests by the minute of the hour, from 0; minutes without any are left out. */
  readonly minutes: readonly (readonly [minute: number, requests: number])[];
}

/** Sums up requests, and hours of them. */
export class ServiceSum {
  readonly response = new LatencyHistogram();
  readonly execution = new LatencyHistogram();
  requests = 0;
  predictions = 0;
  slow = 0;
  clientErrors = 0;
  serverErrors = 0;
  unanswered = 0;
  /** Requests by minute since 1970. */
  readonly minutes = new Map<number, number>();

  /** @param wallMs when it ended. */
  record({ latencyMs, executionMs, rows, status }: FinishedRequest, wallMs: number): void {
    this.requests += 1;
    this.response.record(latencyMs);
    if (executionMs !== null) this.execution.record(executionMs);
    if (latencyMs > SLOW_MS) this.slow += 1;
    if (status === 0) this.unanswered += 1;
    else if (status >= 500) this.serverErrors += 1;
    else if (status >= 400) this.clientErrors += 1;
    else this.predictions += rows;
    this.#count(Math.floor(wallMs / MINUTE_MS), 1);
  }

  /** @param hour since 1970. */
  add(found: ServiceHour, hour: number): void {
    this.requests += found.requests;
    this.predictions += found.predictions;
    this.slow += found.slow;
    this.clientErrors += found.clientErrors;
    this.serverErrors += found.serverErrors;
    this.unanswered += found.unanswered;
    this.response.add(found.response);
    this.execution.add(found.execution);
    for (const [minute, requests] of found.minutes) this.#count(60 * hour + minute, requests);
  }

  /** Of requests that all ended in one hour. */
  hour(): ServiceHour {
    const { requests, predictions, slow, clientErrors, serverErrors, unanswered } = this;
    return {
      requests,
      predictions,
      slow,
      clientErrors,
      serverErrors,
      unanswered,
      response: this.response.counts(),
      execution: this.execution.counts(),
      minutes: [...this.minutes].map(([minute, count]) => [minute % 60, count] as const),
    };
  }

  #count(minute: number, requests: number): void {
    this.minutes.set(minute, (this.minutes.get(minute) ?? 0) + requests);
  }
}

const MINUTE_MS = 60_000;
