import { bucketBounds } from '../../core/linear-histogram.ts';
import { type ColumnStatistics, cellsOf, deviation, type Statistics } from '../../core/statistics.ts';
import type { ColumnDrift, Drift } from '../../monitoring/drift.ts';
import { type Bar, barChart } from './bar-chart.ts';
import { html, type Markup } from './markup.ts';
import { amount, figure, percent, table } from './page-text.ts';

/** How far each column is from the baseline, the farthest first. */
export function driftSection({ threshold, features, predictions }: Drift): Markup {
  const names = ['column', '#PSI', '#rows', '#mean / baseline', '#missing / baseline', '#unseen'];
  const sorted = features.toSorted((a, b) => (b.psi ?? -1) - (a.psi ?? -1));
  const drifted = features.filter(({ hasDrifted }) => hasDrifted).length;
  return html`<h2>Drift</h2>
<p>Population stability index against the baseline; over ${threshold} a column has drifted: ${amount(drifted)} of ${amount(features.length)} features.</p>
${predictions.length === 0 ? null : html`<h3>Target</h3>${table(names, predictions.map(driftLine))}`}
${features.length === 0 ? null : html`<h3>Features</h3>${table(names, sorted.map(driftLine))}`}`;
}

/** The distribution of each column, beside the baseline's where there is one. */
export function columnFigures({ predictions, features }: Statistics, drift: Drift | null): Markup {
  const known = new Map(
    [...(drift?.predictions ?? []), ...(drift?.features ?? [])].map((column) => [column.name, column]),
  );
  const drawn = (columns: readonly ColumnStatistics[]): readonly Markup[] =>
    columns.flatMap((column) => {
      const bars = barsOf(column, known.get(column.name));
      if (bars.length === 0) return [];
      return [html`<figure>${barChart(bars, percent)}<figcaption>${column.name}</figcaption></figure>\n`];
    });
  const legend = drift === null ? '' : ' Pale: the baseline.';
  return html`<h2>Predictions</h2><p>Shares of the rows that were looked at; point at a bar.${legend}</p>${drawn(predictions)}
<h2>Features</h2>${drawn(features)}`;
}

function barsOf(column: ColumnStatistics, drift: ColumnDrift | undefined): readonly Bar[] {
  const { numbers, texts } = column;
  if (drift !== undefined)
    return drift.bins.map(({ name, share, baselineShare }) => ({
      label: name,
      value: share,
      reference: baselineShare,
    }));
  const all = cellsOf(column);
  const histogram = numbers?.histogram ?? null;
  const buckets = (histogram?.counts ?? []).map((count, i): Bar => {
    const [from, to] = bucketBounds(histogram!, i);
    return { label: `${figure(from)} to ${figure(to)}`, value: count / all };
  });
  const named = texts.values.toSorted((a, b) => b[2] - a[2]);
  const rest = texts.count - named.reduce((sum, [, , count]) => sum + count, 0);
  const values = named.map(([, label, count]): Bar => ({ label, value: count / all }));
  return [...buckets, ...values, ...(rest > 0 ? [{ label: '(other texts)', value: rest / all }] : [])];
}

/** What is missing and what the numbers are, for each column. */
export function qualitySection({ features, predictions, rows, sampled }: Statistics): Markup {
  const names = ['column', '#missing', '#numbers', '#texts', '#least', '#mean', '#greatest', '#deviation'];
  return html`<h2>Data quality</h2><p>${amount(sampled)} of ${amount(rows)} scored rows were looked at.</p>
${table(names, [...predictions, ...features].map(qualityLine))}`;
}

function driftLine(column: ColumnDrift): (string | Markup)[] {
  return [
    column.name,
    column.psi === null
      ? '-'
      : column.hasDrifted
        ? html`<span class="bad">${column.psi.toFixed(3)}</span>`
        : column.psi.toFixed(3),
    amount(column.sampleSize),
    `${figure(column.mean)} / ${figure(column.baselineMean)}`,
    `${percent(column.missingShare)} / ${percent(column.baselineMissingShare)}`,
    amount(column.unseen),
  ];
}

function qualityLine(column: ColumnStatistics): string[] {
  const { name, missing, numbers } = column;
  const cells = cellsOf(column);
  const count = numbers?.count ?? 0;
  return [
    name,
    percent(cells === 0 ? 0 : missing / cells),
    amount(count),
    amount(cells - missing - count),
    figure(numbers?.min ?? null),
    figure(numbers?.mean ?? null),
    figure(numbers?.max ?? null),
    figure(deviation(numbers)),
  ];
}
