import type { Clock } from '../core/clock.ts';
import type { FinishedRequest } from '../core/finished-request.ts';
import type { ModelIdentity } from '../core/model.ts';
import type { Scorer } from '../core/scorer.ts';
import { diagnostics } from '../observe/diagnostics.ts';
import type { LatencyHistogram } from '../observe/latency-histogram.ts';
import { RecentLatency } from '../observe/recent-latency.ts';
import { type ServiceFigures, ServiceStatistics } from '../observe/service-statistics.ts';
import { AccessGate } from './access-gate.ts';
import { withBisection } from './bisection.ts';
import { withGivenExplanations } from './explanations/given-explanations.ts';
import { type ExplanationCounters, type OcclusionSettings, withOcclusion } from './explanations/occlusion.ts';
import type { ConnectionOptions } from './http-connection.ts';
import { createHttpScorer } from './http-scorer.ts';
import { fixedLimiter } from './limiter/fixed-limiter.ts';
import { joinServer, type ShareSettings } from './limiter/server-budget.ts';
import { type Limiter, type SentRequest, withLimiter } from './limiter.ts';
import { type ModelPin, type OnModelChange, withModelPin } from './model-pin.ts';
import { withOneModel } from './one-model.ts';
import { type RetryEvents, type RetryPolicy, withRetry } from './retry.ts';
import { withSecondTry } from './second-try.ts';
import { ServerHealth, withHealth } from './server-health.ts';
import { SizeLimit } from './size-limit.ts';
import { createWire } from './wires/create-wire.ts';
import { PLAIN_SCORING, type ScoringSettings } from './wires/wire.ts';
import { assertAbilities } from './wires/wire-abilities.ts';
import type { WiredDeployment } from './wires/wired-deployment.ts';

/** Where and how a deployment is served. */
export interface DeploymentAddress extends Omit<ConnectionOptions, 'connections' | 'server'>, WiredDeployment {
  /** A function is asked for every request. */
  readonly token?: string | (() => string);
  /** Of DataRobot's own cloud: the DataRobot-Key header. */
  readonly datarobotKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface StackSettings {
  /** Requests at once, at the most. */
  readonly numConcurrent: number;
  /** `auto`: as many as the server bears, together with everybody else in this process who uses it. Default `fixed`: always so many. */
  readonly limiter?: 'auto' | 'fixed';
  /** What of it is for this one, with `limiter: auto`. Default: `batch`, all of it. */
  readonly serverShare?: Omit<ShareSettings, 'ceiling'>;
  readonly scoring?: Partial<ScoringSettings>;
  /** Explains rows by scoring perturbed copies of them; the server is then asked for no explanations. */
  readonly occlusion?: OcclusionSettings;
  /** The model that an interrupted run, or the job's description, fixed. */
  readonly pinned?: ModelIdentity | null;
  /** Default `abort`. */
  readonly onModelChange?: OnModelChange;
  readonly disableRowLevelErrorHandling?: boolean;
  readonly retry?: RetryPolicy;
}

export interface StackPorts extends RetryEvents {
  readonly clock: Clock;
  /** Takes the place of what the settings say. */
  readonly limiter?: Limiter;
  /** Told of every request that has ended, unless it was aborted. */
  readonly onSent?: (request: SentRequest) => void;
  /** Told of every request that has ended, as service statistics count it. */
  readonly onRequest?: ((request: FinishedRequest) => void) | undefined;
}

/** What a run's progress shows of its requests. */
interface ScoringCounters {
  /** Requests finished, with a reply or without one. */
  readonly requests: number;
  /** Waits for an overloaded or missing server. */
  readonly retries: number;
  readonly inFlight: number;
  /** Requests at once that are allowed now. */
  readonly limit: number;
  /** Milliseconds; null before the first request. */
  latency(): { readonly p50: number; readonly p99: number } | null;
  /** Latencies of the last seconds. */
  recent(): LatencyHistogram;
  /** Null unless rows are explained by `occlusion`. */
  readonly explanations: ExplanationCounters | null;
  service(): ServiceFigures;
}

export interface ScorerStack {
  readonly scorer: Scorer;
  readonly counters: ScoringCounters;
  /** The model that all rows are scored with, or the first of them; null while nobody has named one. */
  readonly model: ModelIdentity | null;
}

const NO_EXPLANATIONS = { maxExplanations: 0 } as const;

/** The scorer of a job: requests over HTTP with all policies around them, and around those what explains rows: its copies go the same way. */
export function createScorer(deployment: DeploymentAddress, settings: StackSettings, ports: StackPorts): ScorerStack {
  const { clock } = ports;
  const { numConcurrent } = settings;
  const pin: ModelPin = { model: settings.pinned ?? null };
  const scoring = {
    ...PLAIN_SCORING,
    ...settings.scoring,
    ...(settings.occlusion === undefined ? {} : NO_EXPLANATIONS),
  };
  assertAbilities(deployment.wire ?? 'datarobot', scoring);
  // Who takes whatever model there is asks for none.
  const wire = createWire(deployment, {
    scoring,
    clock,
    pin: settings.onModelChange === 'record' ? { model: null } : pin,
  });
  const limiter = ports.limiter ?? limiterOf(deployment, settings, clock);
  const service = new ServiceStatistics();
  const recent = new RecentLatency(clock);
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
      ports.onRequest?.(request);
      recent.record(request.latencyMs);
      diagnostics.requestFinished(() => ({ deployment: deployment.id, ...request }));
    },
  });
  const onWait: RetryEvents['onWait'] = (wait) => {
    retries += 1;
    ports.onWait?.(wait);
  };
  const { rows, copies } = withPolicies(http, settings, { ...ports, limiter, pin, target: wire.target, onWait });
  const occlusion = settings.occlusion === undefined ? null : withOcclusion(rows, copies, settings.occlusion);
  const asked = settings.scoring?.maxExplanations ?? 0;
  return {
    scorer: occlusion?.scorer ?? (asked > 0 ? withGivenExplanations(rows, asked) : rows),
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
      get limit() {
        return limiter.limit;
      },
      latency: () => service.figures().responseMs,
      recent: () => recent.histogram(),
      service: () => service.figures(),
      explanations: occlusion?.counters ?? null,
    },
    get model() {
      return pin.model;
    },
  };
}

function limiterOf({ server }: DeploymentAddress, settings: StackSettings, clock: Clock): Limiter {
  const { limiter, numConcurrent, serverShare } = settings;
  if (limiter !== 'auto') return fixedLimiter(numConcurrent);
  return joinServer(server, clock, { ...serverShare, ceiling: numConcurrent });
}

interface PolicyPorts extends RetryEvents {
  readonly clock: Clock;
  readonly limiter: Limiter;
  readonly onSent?: StackPorts['onSent'];
  readonly pin: ModelPin;
  /** For messages: which deployment of which server. */
  readonly target: string;
}

/** Two that share all but one thing. */
interface PolicedScorers {
  readonly rows: Scorer;
  /** Of copies that explain rows: refused ones are always split off, whatever the settings say. */
  readonly copies: Scorer;
}

/**
 * What is around one request. From the inside: a permit for it, the pinned model, a second try for replies that do not match,
 * the note of successes, retries of each request, splitting (with `record`: into pieces of one model), and retries of whole batches
 * that a failing server spoiled.
 */
export function withPolicies(
  one: Scorer,
  { onModelChange = 'abort', retry, disableRowLevelErrorHandling }: StackSettings,
  { limiter, onSent, pin, ...ports }: PolicyPorts,
): PolicedScorers {
  const health = new ServerHealth(ports.clock);
  const waitsForModel = onModelChange === 'pause';
  const retries = { ...retry, ...ports, health, gate: new AccessGate(), waitsForModel };
  const pinned = withModelPin(withLimiter(one, limiter, ports.clock, onSent), { pin, onChange: onModelChange });
  const request = withRetry(withHealth(withSecondTry(pinned), health), retries);
  const limit = new SizeLimit();
  const splitting = (enabled: boolean): Scorer => {
    const split = (piece: Scorer): Scorer => withBisection(piece, { enabled, health, limit });
    return withRetry(onModelChange === 'record' ? withOneModel(request, split) : split(request), retries);
  };
  return { rows: splitting(disableRowLevelErrorHandling !== true), copies: splitting(true) };
}
