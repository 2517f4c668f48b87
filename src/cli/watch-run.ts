import type { Command } from 'commander';
import type { JobDescription } from '../jobs/description/parse-job.ts';
import type { JobRun } from '../jobs/job-run.ts';
import type { Worker, WorkerStatus } from '../jobs/kafka/worker.ts';
import { driftOf } from '../monitoring/drift.ts';
import type { RunFigures } from '../observe/run-metrics.ts';
import { addedService, type ServiceFigures } from '../observe/service-statistics.ts';
import { type Readiness, startWatchServer, type WatchServer } from '../observe/watch-server.ts';
import { portNumber } from './port-number.ts';

/** Where a process may be watched. */
export interface WatchOptions {
  /** Left out: nowhere. */
  readonly metricsPort?: number;
  readonly metricsHost: string;
}

/** Adds its options to a command. */
export function withWatchOptions(command: Command): Command {
  return command
    .option(
      '--metrics-port <number>',
      'serves /metrics, /healthz and /readyz on this port; 0 takes a free one',
      portNumber,
    )
    .option('--metrics-host <address>', 'the address to serve them on; 0.0.0.0 for all', '127.0.0.1');
}

/** Nothing to close where no port was asked for. */
const nothing: AsyncDisposable = { [Symbol.asyncDispose]: async () => undefined };

/** Serves the metrics of a run while it goes on; ready while it runs, not while it is paused or ends. */
export async function watchRun(
  run: Pick<JobRun, 'progress'>,
  { deployment: { baseline, driftThreshold } }: Pick<JobDescription, 'deployment'>,
  at: WatchOptions,
  say: (text: string) => void,
): Promise<AsyncDisposable> {
  const readiness = (): Readiness => {
    const { state, detail } = run.progress();
    return { ready: state === 'running', detail: detail === '' ? state : `${state}: ${detail}` };
  };
  const look = (): RunFigures => {
    const { tally, statistics, own, ...progress } = run.progress();
    return {
      ...progress,
      // Who adds the metrics of all processes counts every request once.
      ...own,
      rows: { scored: tally.scored, failed: tally.failed, skipped: tally.skipped },
      statistics,
      drift: statistics === null || baseline === null ? null : driftOf(statistics, baseline, driftThreshold),
    };
  };
  return await serve(at, look, readiness, say);
}

/** Serves the metrics of a worker, all its jobs together. */
export async function watchWorker(
  worker: Worker,
  at: WatchOptions,
  say: (text: string) => void,
): Promise<AsyncDisposable> {
  const sum = (figure: (status: WorkerStatus) => number): number =>
    worker.status.reduce((total, status) => total + figure(status), 0);
  const served = (): ServiceFigures => addedService(worker.status.map(({ service }) => service));
  const look = (): RunFigures => ({
    state: worker.status.length > 0 ? 'running' : 'waiting',
    rows: {
      scored: sum(({ tally }) => tally.scored),
      failed: sum(({ tally }) => tally.failed),
      skipped: sum(({ tally }) => tally.skipped),
    },
    rowsPerSecond: null,
    requests: sum(({ requests }) => requests),
    retries: sum(({ retries }) => retries),
    inFlight: sum(({ inFlight }) => inFlight),
    limit: sum(({ limit }) => limit),
    latency: served().responseMs,
    service: served(),
    statistics: null,
    drift: null,
    topics: {
      lag: null,
      partitions: null,
      paused: sum(({ paused }) => paused),
      rebalances: sum(({ rebalances }) => rebalances),
      workers: null,
      transactions: 0,
    },
  });
  const readiness = (): Readiness =>
    worker.isListening
      ? { ready: true, detail: `${worker.status.length} jobs` }
      : { ready: false, detail: 'not connected to the Kafka cluster yet' };
  return await serve(at, look, readiness, say);
}

async function serve(
  { metricsPort: port, metricsHost }: WatchOptions,
  look: () => RunFigures,
  readiness: () => Readiness,
  say: (text: string) => void,
): Promise<AsyncDisposable> {
  if (port === undefined) return nothing;
  // Its library is loaded only where somebody asks for metrics.
  const { RunMetrics } = await import('../observe/run-metrics.ts');
  const server: WatchServer = await startWatchServer(port, new RunMetrics(look), readiness, metricsHost);
  say(`metrics at http://${metricsHost}:${server.port}/metrics`);
  return server;
}
