import type { Clock } from '../core/clock.ts';
import type { ModelIdentity } from '../core/model.ts';
import type { Scorer } from '../core/scorer.ts';
import { diagnostics } from '../observe/diagnostics.ts';
import { type ServiceFigures, ServiceStatistics } from '../observe/service-statistics.ts';
import { AccessGate } from './access-gate.ts';
import { withBisection } from './bisection.ts';
import type { ConnectionOptions } from './http-connection.ts';
import { createHttpScorer } from './http-scorer.ts';
import { fixedLimiter, type Limiter, withLimiter } from './limiter.ts';
import { type ModelPin, withModelPin } from './model-pin.ts';
import { type RetryEvents, type RetryPolicy, withRetry } from './retry.ts';
import { withSecondTry } from './second-try.ts';
import { ServerHealth, withHealth } from './server-health.ts';
import { createDatarobotWire } from './wires/datarobot.ts';
import { PLAIN_SCORING, type ScoringSettings } from './wires/wire.ts';

/** Where and how a deployment is served. */
export interface DeploymentAddress extends Omit<ConnectionOptions, 'connections'> {
  readonly id: string;
  /** Default `datarobot`, the only one so far. */
  readonly wire?: 'datarobot';
  /** A function is asked for every request. */
  readonly token?: string | (() => string);
  /** Of DataRobot's own cloud: the DataRobot-Key header. */
  readonly datarobotKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The target's name; needed for JSON replies of servers that do not describe their deployments. */
  readonly target?: string;
  readonly reply?: 'csv' | 'json';
  readonly rowWitness?: boolean;
}

export interface StackSettings {
  /** Requests at once, at the most. */
  readonly numConcurrent: number;
  readonly scoring?: Partial<ScoringSettings>;
  /** The model that an interrupted run, or the job's description, fixed. */
  readonly pinned?: ModelIdentity | null;
  readonly disableRowLevelErrorHandling?: boolean;
  readonly retry?: RetryPolicy;
}

export interface StackPorts extends RetryEvents {
  readonly clock: Clock;
  /** Default: a fixed one of `numConcurrent`. */
  readonly limiter?: Limiter;
}

/** What a run's progress shows of its requests. */
interface ScoringCounters {
  /** Requests finished, with a reply or without one. */
  readonly requests: number;
  /** Waits for an overloaded or missing server. */
  readonly retries: number;
  readonly inFlight: number;
  /** Milliseconds; null before the first request. */
  latency(): { readonly p50: number; readonly p99: number } | null;
  service(): ServiceFigures;
}

export interface ScorerStack {
  readonly scorer: Scorer;
  readonly counters: ScoringCounters;
  /** The model that all rows are scored with; null while nobody has named one. */
  readonly model: ModelIdentity | null;
}

/**
 * The scorer of a job. From the inside: one HTTP request, a permit for it, the pinned model, a second try for replies that do not match,
 * the note of successes, retries of each request, splitting, and retries of whole batches that a failing server spoiled.
 */
export function createScorer(deployment: DeploymentAddress, settings: StackSettings, ports: StackPorts): ScorerStack {
  const { clock } = ports;
  const { numConcurrent } = settings;
  const pin: ModelPin = { model: settings.pinned ?? null };
  const wire = createDatarobotWire({
    server: deployment.server,
    deploymentId: deployment.id,
    settings: { ...PLAIN_SCORING, ...settings.scoring },
    clock,
    pin,
    ...(deployment.reply === undefined ? {} : { reply: deployment.reply }),
    ...(deployment.target === undefined ? {} : { targetName: deployment.target }),
    ...(deployment.rowWitness === undefined ? {} : { rowWitness: deployment.rowWitness }),
  });
  const limiter = ports.limiter ?? fixedLimiter(numConcurrent);
  const health = new ServerHealth(clock);
  const service = new ServiceStatistics();
  let retries = 0;
  const { datarobotKey } = deployment;
  const http = createHttpScorer({
    ...deployment,
    headers: { ...deployment.headers, ...(datarobotKey === undefined ? {} : { 'datarobot-key': datarobotKey }) },
    connections: numConcurrent,
    wire,
    clock,
    onRequest: (request) => {
      service.record(request);
      diagnostics.requestFinished(() => ({ deployment: deployment.id, ...request }));
    },
  });
  const retryOptions = {
    ...settings.retry,
    ...ports,
    clock,
    health,
    gate: new AccessGate(),
    target: wire.target,
    onWait: (wait: Parameters<NonNullable<RetryEvents['onWait']>>[0]) => {
      retries += 1;
      ports.onWait?.(wait);
    },
  };
  const pinned = withModelPin(withLimiter(http, limiter, clock), { pin, onChange: 'abort' });
  const request = withRetry(withHealth(withSecondTry(pinned), health), retryOptions);
  const enabled = settings.disableRowLevelErrorHandling !== true;
  const scorer = withRetry(withBisection(request, { enabled, health }), retryOptions);
  return {
    scorer,
    counters: {
      get requests() {
        return service.requests;
      },
      get retries() {
        return retries;
      },
      get inFlight() {
        return limiter.inFlight;
      },
      latency: () => service.figures().responseMs,
      service: () => service.figures(),
    },
    get model() {
      return pin.model;
    },
  };
}
