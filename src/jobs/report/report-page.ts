import { barChart } from './bar-chart.ts';
import { columnFigures, driftSection, qualitySection } from './column-sections.ts';
import { html, Markup } from './markup.ts';
import { PAGE_STYLE } from './page-style.ts';
import { amount, milliseconds, percent, table } from './page-text.ts';
import type { Report } from './report.ts';

/** The report as one HTML page, with all that it needs in itself: no script, no font, nothing from a network. */
export function reportPage(report: Report): string {
  const { deployment, finished, intake, output, model, statistics, drift } = report;
  const version = model?.version === undefined ? '' : `, version ${model.version}`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${deployment}: ${output}</title><style>${new Markup(PAGE_STYLE)}</style></head><body>
<h1>${deployment}: ${intake} → ${output}</h1>
<p>${finished}${model === null ? null : `, model ${model.id}${version}`}</p>
${figures(report)}
${refusals(report)}
${speed(report)}
${service(report)}
${drift === null ? null : driftSection(drift)}
${statistics === null ? null : columnFigures(statistics, drift)}
${statistics === null ? null : qualitySection(statistics)}
</body></html>
`;
  return page.text;
}

function figures({ rows, intakeBytes, speed, statistics }: Report): Markup {
  const shown = [
    ['rows read', amount(rows.read)],
    ['scored', amount(rows.scored)],
    ['failed', amount(rows.failed)],
    ['skipped', amount(rows.skipped)],
    ['MB of CSV', amount(intakeBytes / 1e6)],
    ['rows a second', amount(speed.rowsPerSecond)],
    ['looked at', statistics === null ? 'none' : amount(statistics.sampled)],
  ] as const;
  return html`<dl>${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function refusals({ refusals: causes, rows }: Report): Markup | null {
  if (rows.failed + rows.skipped === 0 || causes.length === 0) return null;
  const lines = causes.map(({ cause, rows: count }) => [cause, amount(count)]);
  return html`<h2>Rows that were not scored</h2>${table(['cause', '#rows'], lines)}`;
}

function speed({ speed: { elapsedMs, continuedFrom, retries }, bottleneck, stages }: Report): Markup {
  const continued = continuedFrom > 0 ? ` after ${amount(continuedFrom)} rows of an earlier run` : '';
  const parts = stages.flatMap(({ stage, milliseconds: spent }) =>
    Object.entries(spent).map(([activity, ms]) => ({ label: `${stage}: ${activity}`, value: ms / 1000 })),
  );
  return html`<h2>Speed</h2><p>${(elapsedMs / 1000).toFixed(1)} s${continued}, ${amount(retries)} retries. Most of it: ${bottleneck}.</p>
<figure>${barChart(parts, (seconds) => `${seconds.toFixed(2)} s`)}<figcaption>seconds by stage and activity, summed over its partitions (point at a bar)</figcaption></figure>`;
}

function service({ service: found }: Report): Markup {
  const { requests, rows, slow, clientErrors, serverErrors, unanswered, responseMs, executionMs } = found;
  const line = (name: string, quantiles: typeof responseMs): string[] => [
    name,
    ...(['p50', 'p90', 'p99'] as const).map((share) => (quantiles === null ? '-' : milliseconds(quantiles[share]))),
  ];
  return html`<h2>Prediction server</h2>
<p>${amount(requests)} requests with ${amount(rows)} rows, ${amount(slow)} of them slow (over 2 s); ${amount(clientErrors)} replies 4xx, ${amount(serverErrors)} replies 5xx, ${amount(unanswered)} without a reply (${percent(requests === 0 ? 0 : (clientErrors + serverErrors + unanswered) / requests)} errors).</p>
${table(['', '#p50', '#p90', '#p99'], [line('response time', responseMs), line('execution time, by the server', executionMs)])}`;
}
