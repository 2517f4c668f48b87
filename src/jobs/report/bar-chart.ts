import { html, type Markup } from './markup.ts';

/** One bar, or two beside each other. */
export interface Bar {
  readonly label: string;
  /** At least 0. */
  readonly value: number;
  /** What it is compared with; left out where there is nothing. */
  readonly reference?: number;
}

const HEIGHT = 72;
const STEP = 18;

/** Bars in inline SVG; each says its label and values when one points at it. Colours are those of the page. */
export function barChart(bars: readonly Bar[], format: (value: number) => string): Markup {
  const most = Math.max(...bars.flatMap(({ value, reference = 0 }) => [value, reference]), Number.MIN_VALUE);
  const width = STEP * bars.length;
  const hasReference = bars.some(({ reference }) => reference !== undefined);
  const bar = (kind: 'now' | 'before', x: number, value: number, wide: number): Markup => {
    const height = (HEIGHT * value) / most;
    return html`<rect class="${kind}" x="${x}" y="${(HEIGHT - height).toFixed(2)}" width="${wide}" height="${height.toFixed(2)}"/>`;
  };
  const groups = bars.map(({ label, value, reference }, i) => {
    const compared = reference === undefined ? '' : `, baseline ${format(reference)}`;
    const left = STEP * i + 2;
    const drawn = hasReference
      ? [bar('before', left, reference ?? 0, 7), bar('now', left + 7, value, 7)]
      : [bar('now', left, value, 14)];
    return html`<g><title>${label}: ${format(value)}${compared}</title><rect class="hover" x="${STEP * i}" y="0" width="${STEP}" height="${HEIGHT}"/>${drawn}</g>`;
  });
  return html`<svg viewBox="0 0 ${width} ${HEIGHT + 1}" width="${width}" height="${HEIGHT + 1}" role="img"><path class="axis" d="M0 ${HEIGHT}.5H${width}"/>${groups}</svg>`;
}
