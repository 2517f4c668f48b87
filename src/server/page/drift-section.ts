import type { ColumnDrift, Drift } from '../../monitoring/drift.ts';
import type { LiveJob } from '../live/live-view.ts';
import { ask } from './api.ts';
import { drawing, element, setText } from './element.ts';
import { amount, figure, percentText } from './texts.ts';

/** While a job runs its drift is not looked up more often than this. */
const EVERY_MS = 10_000;
const HEADS = ['Column', '#PSI', 'Shares by bin', '#Mean', '#Baseline', '#Missing', '#Baseline', '#Unseen'];

/** How far the rows of a job are from the baseline of its deployment. */
export function driftSection(id: string): { readonly node: HTMLElement; show(job: LiveJob): void; close(): void } {
  const note = element('p', { class: 'soft' });
  const body = element('tbody');
  const heads = HEADS.map((name) =>
    element('th', { scope: 'col', class: name.startsWith('#') ? 'number' : null }, name.replace('#', '')),
  );
  const table = element(
    'table',
    { 'aria-labelledby': 'drift' },
    element('thead', {}, element('tr', {}, ...heads)),
    body,
  );
  const node = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'drift' },
    element('div', { class: 'panel-head' }, element('h2', { id: 'drift' }, 'Drift'), note),
    element('div', { class: 'scroll', role: 'region', 'aria-label': 'Drift by column', tabindex: 0 }, table),
  );
  const leaving = new AbortController();
  let seen = '';
  let askedAt = Number.NEGATIVE_INFINITY;
  const look = async (): Promise<void> => {
    const { drift } = await ask<{ readonly drift: Drift | null }>(`/live/jobs/${id}/drift/`, {
      signal: leaving.signal,
    });
    node.hidden = drift === null || drift.features.length + drift.predictions.length === 0;
    if (drift === null) return;
    const columns = drift.features.toSorted((a, b) => (b.psi ?? -1) - (a.psi ?? -1));
    const drifted = drift.features.filter(({ hasDrifted }) => hasDrifted).length;
    setText(
      note,
      `population stability index against the baseline; beyond ${drift.threshold} a column has drifted: ${drifted} of ${drift.features.length} features. Pale: the baseline.`,
    );
    body.replaceChildren(
      ...drift.predictions.map((column) => rowOf(column, true)),
      ...columns.map((column) => rowOf(column, false)),
    );
  };
  return {
    node,
    show({ status, rows }) {
      const isOver = status === 'COMPLETED' || status === 'ABORTED';
      const wanted = `${status} ${rows.scored}`;
      if (rows.scored === 0 || seen === wanted || (!isOver && performance.now() - askedAt < EVERY_MS)) return;
      seen = wanted;
      askedAt = performance.now();
      // Without it the page lacks one table, of which its log in the server tells.
      look().catch(() => undefined);
    },
    close: () => leaving.abort(),
  };
}

function rowOf(column: ColumnDrift, isPrediction: boolean): HTMLTableRowElement {
  const { name, psi, hasDrifted, mean, baselineMean, missingShare, baselineMissingShare, unseen } = column;
  const cells = [
    figure(mean),
    figure(baselineMean),
    percentText(missingShare),
    percentText(baselineMissingShare),
    amount(unseen),
  ];
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row', class: 'name' },
      name,
      isPrediction ? element('span', { class: 'soft small' }, 'prediction') : null,
    ),
    element(
      'td',
      { class: 'number' },
      psi === null
        ? '–'
        : element(
            'span',
            { class: hasDrifted ? 'badge' : null, 'data-tone': 'bad' },
            `${psi.toFixed(3)}${hasDrifted ? ' drifted' : ''}`,
          ),
    ),
    element('td', {}, binsOf(column)),
    ...cells.map((text) => element('td', { class: 'number' }, text)),
  );
}

const [WIDTH, HEIGHT, GAP] = [7, 30, 3];

/** The shares of the bins, each beside that of the baseline. */
function binsOf({ bins, name }: ColumnDrift): Node | null {
  const shown = bins.filter(({ share, baselineShare }) => share > 0 || baselineShare > 0);
  if (shown.length === 0) return null;
  const most = Math.max(...shown.flatMap(({ share, baselineShare }) => [share, baselineShare]));
  const bar = (kind: string, x: number, share: number): SVGRectElement => {
    const height = Math.max(share > 0 ? 1 : 0, (HEIGHT * share) / most);
    return drawing('rect', { class: kind, x, y: HEIGHT - height, width: WIDTH, height });
  };
  const step = 2 * WIDTH + GAP;
  const groups = shown.map((bin, i) =>
    drawing(
      'g',
      {},
      drawing('title', {}, `${bin.name}: ${percentText(bin.share)}, baseline ${percentText(bin.baselineShare)}`),
      bar('before', i * step, bin.baselineShare),
      bar('now', i * step + WIDTH, bin.share),
    ),
  );
  const label = `Shares of ${name}: ${shown.map((bin) => `${bin.name} ${percentText(bin.share)}, baseline ${percentText(bin.baselineShare)}`).join('; ')}`;
  return drawing(
    'svg',
    { class: 'bins', role: 'img', 'aria-label': label, width: shown.length * step, height: HEIGHT },
    ...groups,
  );
}
