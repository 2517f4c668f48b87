import { Counter, Gauge, Registry } from 'prom-client';
import { addMonitoringMetrics, type MonitoringFigures } from './monitoring-metrics.ts';

/** What a run, or a worker, shows of itself; all counts are from the start of the process on. */
export interface RunFigures extends MonitoringFigures {
  readonly state: string;
  readonly rows: { readonly scored: number; readonly failed: number; readonly skipped: number };
  /** Null where nobody measures it. */
  readonly rowsPerSecond: number | null;
  readonly requests: number;
  readonly retries: number;
  readonly inFlight: number;
  /** Requests at once that are allowed now; null while nobody knows. */
  readonly limit: number | null;
  /** Milliseconds; null before the first request. */
  readonly latency: { readonly p50: number; readonly p99: number } | null;
  /** Null without topics. */
  readonly topics: {
    readonly lag: number | null;
    readonly partitions: number | null;
    readonly paused: number;
    readonly rebalances: number;
    readonly workers: number | null;
    readonly transactions: number;
  } | null;
}

/** The metrics of a run in Prometheus's text format (version 0.0.4), as they are when they are asked for. */
export class RunMetrics {
  readonly #registry = new Registry();
  readonly contentType = this.#registry.contentType;

  constructor(look: () => RunFigures) {
    // Metrics of this run alone, not of the library's own global registry.
    const registers: Registry[] = [];
    const add = (metric: Gauge | Counter): void => this.#registry.registerMetric(metric);
    const gauge = (name: string, help: string, value: (figures: RunFigures) => number | null): void => {
      add(
        new Gauge({
          name: `sluice_${name}`,
          help,
          registers,
          collect() {
            const now = value(look());
            if (now === null) this.remove();
            else this.set(now);
          },
        }),
      );
    };
    const counter = (name: string, help: string, value: (figures: RunFigures) => number): void => {
      add(
        new Counter({
          name: `sluice_${name}_total`,
          help,
          registers,
          collect() {
            this.reset();
            this.inc(value(look()));
          },
        }),
      );
    };
    add(
      new Counter({
        name: 'sluice_rows_total',
        help: 'Rows that were read, by what became of them.',
        labelNames: ['outcome'],
        registers,
        collect() {
          this.reset();
          for (const [outcome, rows] of Object.entries(look().rows)) this.inc({ outcome }, rows);
        },
      }),
    );
    add(
      new Gauge({
        name: 'sluice_state',
        help: '1 for the state that the run is in.',
        labelNames: ['state'],
        registers,
        collect() {
          this.reset();
          this.set({ state: look().state }, 1);
        },
      }),
    );
    add(
      new Gauge({
        name: 'sluice_request_latency_seconds',
        help: 'Latency of requests to the prediction server, over all requests of the run.',
        labelNames: ['quantile'],
        registers,
        collect() {
          this.reset();
          const { latency } = look();
          if (latency === null) return;
          this.set({ quantile: '0.5' }, latency.p50 / 1000);
          this.set({ quantile: '0.99' }, latency.p99 / 1000);
        },
      }),
    );
    gauge('rows_per_second', 'Rows per second, over the last seconds.', ({ rowsPerSecond }) => rowsPerSecond);
    counter('requests', 'Requests to the prediction server that have ended.', ({ requests }) => requests);
    counter('retries', 'Waits for an overloaded or missing prediction server.', ({ retries }) => retries);
    gauge('requests_in_flight', 'Requests to the prediction server under way.', ({ inFlight }) => inFlight);
    gauge('requests_limit', 'Requests to the prediction server at once that are allowed now.', ({ limit }) => limit);
    gauge(
      'lag',
      'Messages of a live topic, or batches of a job, that are not scored yet.',
      ({ topics }) => topics?.lag ?? null,
    );
    gauge('partitions', 'Partitions that this process works on.', ({ topics }) => topics?.partitions ?? null);
    gauge(
      'partitions_paused',
      'Partitions whose fetching waits, as enough is fetched.',
      ({ topics }) => topics?.paused ?? null,
    );
    gauge('workers', 'Processes that score for the job.', ({ topics }) => topics?.workers ?? null);
    counter('rebalances', 'How often the consumer group was balanced.', ({ topics }) => topics?.rebalances ?? 0);
    counter('transactions', 'Kafka transactions that were committed.', ({ topics }) => topics?.transactions ?? 0);
    addMonitoringMetrics(this.#registry, look);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
