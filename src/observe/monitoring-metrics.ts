import { Counter, Gauge, type Registry } from 'prom-client';
import { type ColumnStatistics, cellsOf, type Statistics } from '../core/statistics.ts';
import type { Quantiles } from './latency-histogram.ts';
import type { ServiceFigures } from './service-statistics.ts';

/** What a run shows of its prediction server, its rows and its predictions. */
export interface MonitoringFigures {
  readonly service: ServiceFigures;
  /** Null where nothing is monitored. */
  readonly statistics: Statistics | null;
  /** Null without a baseline. */
  readonly drift: { readonly features: readonly DriftFigure[]; readonly predictions: readonly DriftFigure[] } | null;
}

interface DriftFigure {
  readonly name: string;
  readonly psi: number | null;
}

/** Adds the metrics of monitoring. Their names are the same in every mode; those of columns are there once a column was looked at. */
export function addMonitoringMetrics(registry: Registry, look: () => MonitoringFigures): void {
  const registers: Registry[] = [];
  const counter = (name: string, help: string, value: (service: ServiceFigures) => number): void =>
    registry.registerMetric(
      new Counter({
        name: `sluice_${name}_total`,
        help,
        registers,
        collect() {
          this.reset();
          this.inc(value(look().service));
        },
      }),
    );
  counter(
    'request_rows',
    'Rows in requests that have ended; a row that was sent twice counts twice.',
    ({ rows }) => rows,
  );
  counter('slow_requests', 'Requests that took longer than two seconds.', ({ slow }) => slow);
  registry.registerMetric(
    new Counter({
      name: 'sluice_request_errors_total',
      help: 'Requests that ended with a status of 4xx or 5xx, or without a reply (none).',
      labelNames: ['status'],
      registers,
      collect() {
        this.reset();
        const { clientErrors, serverErrors, unanswered } = look().service;
        this.inc({ status: '4xx' }, clientErrors);
        this.inc({ status: '5xx' }, serverErrors);
        this.inc({ status: 'none' }, unanswered);
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      name: 'sluice_request_execution_seconds',
      help: 'What the prediction server says that its requests took by themselves, over all requests of the run.',
      labelNames: ['quantile'],
      registers,
      collect() {
        this.reset();
        for (const [quantile, ms] of quantilesOf(look().service.executionMs)) this.set({ quantile }, ms / 1000);
      },
    }),
  );
  registry.registerMetric(
    new Counter({
      name: 'sluice_monitored_rows_total',
      help: 'Scored rows that statistics are made of.',
      registers,
      collect() {
        this.reset();
        this.inc(look().statistics?.sampled ?? 0);
      },
    }),
  );
  addColumnMetric(
    registry,
    look,
    'drift_psi',
    'Population stability index of a column against its baseline.',
    (figures) => rolesOf(figures.drift).flatMap(([role, { name, psi }]) => (psi === null ? [] : [[role, name, psi]])),
  );
  addColumnMetric(registry, look, 'missing_ratio', 'Share of the rows in which a column is missing.', (figures) =>
    rolesOf(figures.statistics).map(([role, column]) => [role, column.name, missingShare(column)]),
  );
  addColumnMetric(registry, look, 'mean', 'Mean of the numbers of a column.', (figures) =>
    rolesOf(figures.statistics).flatMap(([role, { name, numbers }]) =>
      numbers === null ? [] : [[role, name, numbers.mean]],
    ),
  );
}

type Role = 'feature' | 'prediction';

function addColumnMetric(
  registry: Registry,
  look: () => MonitoringFigures,
  name: string,
  help: string,
  values: (figures: MonitoringFigures) => readonly (readonly [Role, string, number])[],
): void {
  registry.registerMetric(
    new Gauge({
      name: `sluice_column_${name}`,
      help,
      labelNames: ['role', 'column'],
      registers: [] as Registry[],
      collect() {
        this.reset();
        for (const [role, column, value] of values(look())) this.set({ role, column }, value);
      },
    }),
  );
}

function rolesOf<T>(
  found: { readonly features: readonly T[]; readonly predictions: readonly T[] } | null,
): readonly (readonly [Role, T])[] {
  if (found === null) return [];
  return [
    ...found.features.map((column) => ['feature', column] as const),
    ...found.predictions.map((column) => ['prediction', column] as const),
  ];
}

function missingShare(column: ColumnStatistics): number {
  const cells = cellsOf(column);
  return cells === 0 ? 0 : column.missing / cells;
}

function quantilesOf(found: Quantiles | null): readonly (readonly [string, number])[] {
  return found === null ? [] : [['0.5', found.p50] as const, ['0.9', found.p90] as const, ['0.99', found.p99] as const];
}
