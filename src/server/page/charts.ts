import type { LiveHistory, LiveSample } from '../live/live-view.ts';
import { element } from './element.ts';
import { type LineChart, lineChart } from './line-chart.ts';
import { amount, compact, latency } from './texts.ts';

/** Points that are drawn; of more every second one is left out, as the server does. */
const MOST = 720;

type Point = Pick<LiveSample, 'at' | 'rowsPerSecond' | 'p50' | 'p99' | 'inFlight' | 'limit'> & {
  readonly lag: number | null;
};

/** How a job goes, over time. */
export interface ChartsSection {
  readonly node: HTMLElement;
  set(history: LiveHistory | null): void;
  add(sample: LiveSample): void;
  close(): void;
}

export function chartsSection(): ChartsSection {
  const charts: readonly LineChart[] = [
    lineChart('Rows per second', compact, [{ name: 'rows/s', colour: '--chart-1' }]),
    lineChart('Latency', latency, [
      { name: 'p50', colour: '--chart-1' },
      { name: 'p99', colour: '--chart-2' },
    ]),
    lineChart('Requests in flight', amount, [
      { name: 'in flight', colour: '--chart-1' },
      { name: 'limit', colour: '--chart-3', isStepped: true },
    ]),
  ];
  const lag = lineChart('Batches behind, over Kafka', amount, [{ name: 'lag', colour: '--chart-1' }]);
  const node = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'over-time' },
    element('h2', { id: 'over-time' }, 'Over time'),
    element('div', { class: 'charts' }, ...[...charts, lag].map((chart) => chart.node)),
  );
  let points: Point[] = [];
  let frame = 0;
  const draw = (): void => {
    frame = 0;
    node.hidden = points.length < 2;
    if (node.hidden) return;
    const at = points.map((point) => point.at / 1_000);
    charts[0]?.draw([at, points.map((point) => point.rowsPerSecond)]);
    charts[1]?.draw([at, points.map((point) => point.p50), points.map((point) => point.p99)]);
    charts[2]?.draw([at, points.map((point) => point.inFlight), points.map((point) => point.limit)]);
    lag.node.hidden = points.every((point) => point.lag === null);
    if (!lag.node.hidden) lag.draw([at, points.map((point) => point.lag)]);
  };
  // What is set and added in one turn is drawn once.
  const later = (): void => {
    if (frame === 0) frame = requestAnimationFrame(draw);
  };
  return {
    node,
    set(history) {
      if (history === null) return;
      points = history.at.map((at, i) => ({
        at,
        rowsPerSecond: history.rowsPerSecond[i] ?? 0,
        p50: history.p50[i] ?? null,
        p99: history.p99[i] ?? null,
        inFlight: history.inFlight[i] ?? 0,
        limit: history.limit[i] ?? null,
        lag: history.lag[i] ?? null,
      }));
      later();
    },
    add(sample) {
      const last = points.at(-1);
      if (last !== undefined && sample.at <= last.at) return;
      points.push({ ...sample, lag: sample.topics?.lag ?? null });
      if (points.length > MOST) points = points.filter((_, i) => i % 2 === 0 || i === points.length - 1);
      later();
    },
    close() {
      cancelAnimationFrame(frame);
      for (const chart of [...charts, lag]) chart.close();
    },
  };
}
