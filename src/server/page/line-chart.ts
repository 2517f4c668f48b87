import uPlot from 'uplot';
import { element, setAttribute, setText } from './element.ts';

const HEIGHT = 168;
/** Of the axes' text, in pixels of the page. */
const FONT = '11px system-ui, sans-serif';

interface Line {
  readonly name: string;
  /** Name of the colour in the style sheet. */
  readonly colour: string;
  /** Holds a value until the next one, in place of a straight line between them. */
  readonly isStepped?: boolean;
}

/** One chart over time: seconds since 1970 first, then the values of each line. */
type LineData = readonly [at: readonly number[], ...values: readonly (readonly (number | null)[])[]];

export interface LineChart {
  readonly node: HTMLElement;
  draw(data: LineData): void;
  close(): void;
}

/** Its caption has the values of the moment that is pointed at, else the newest ones. */
export function lineChart(title: string, format: (value: number) => string, lines: readonly Line[]): LineChart {
  const place = element('div', { class: 'plot', role: 'img' });
  const values = lines.map(({ name, colour }) => {
    const value = element('b');
    const swatch = element('i', { class: 'swatch', 'aria-hidden': true });
    swatch.style.background = `var(${colour})`;
    return { value, entry: element('span', { class: 'legend' }, swatch, `${name} `, value) };
  });
  const time = element('span', { class: 'soft' });
  const node = element(
    'figure',
    {},
    element('figcaption', {}, element('h3', {}, title), ...values.map(({ entry }) => entry), time),
    place,
  );
  let data: LineData = [[]];
  let plot: uPlot | null = null;

  const say = (index: number | null): void => {
    const i = index ?? data[0].length - 1;
    for (const [line, { value }] of values.entries()) {
      const found = data[line + 1]?.[i];
      setText(value, found == null ? '–' : format(found));
    }
    const at = data[0][i];
    setText(time, index === null || at === undefined ? '' : new Date(1_000 * at).toLocaleTimeString('en-GB'));
  };
  const make = (): void => {
    plot?.destroy();
    plot = new uPlot(optionsOf(place, format, lines, say), data as unknown as uPlot.AlignedData, place);
  };
  const resized = new ResizeObserver(() => {
    if (place.clientWidth > 0) plot?.setSize({ width: place.clientWidth, height: HEIGHT });
  });
  resized.observe(place);
  // A canvas does not follow the style sheet by itself.
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const recolour = (): void => {
    if (plot !== null) make();
  };
  dark.addEventListener('change', recolour);
  return {
    node,
    draw(next) {
      data = next;
      if (plot === null) make();
      else plot.setData(data as unknown as uPlot.AlignedData);
      say(plot?.cursor.idx ?? null);
      setAttribute(place, 'aria-label', summary(title, format, lines, data));
    },
    close() {
      resized.disconnect();
      dark.removeEventListener('change', recolour);
      plot?.destroy();
    },
  };
}

function optionsOf(
  place: HTMLElement,
  format: (value: number) => string,
  lines: readonly Line[],
  point: (index: number | null) => void,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--soft'),
    font: FONT,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const stepped = uPlot.paths.stepped;
  return {
    width: Math.max(place.clientWidth, 200),
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    hooks: { setCursor: [(plot) => point(plot.cursor.idx ?? null)] },
    // From zero on, so that a small change does not look like a great one.
    scales: { y: { range: (_, __, most) => [0, most > 0 ? 1.1 * most : 1] } },
    axes: [
      {
        ...axis,
        size: 28,
        space: 70,
        values: [
          [3600 * 24, '{D} {MMM}', null, null, null, null, null, null, 1],
          [3600, '{HH}:{mm}', null, null, null, null, null, null, 1],
          [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
          [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
        ],
      },
      { ...axis, size: 56, space: 34, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ colour: name, isStepped }, i) => ({
        stroke: colour(name),
        width: 1.75,
        points: { show: false },
        ...(i === 0 ? { fill: colour('--chart-fill') } : {}),
        ...(isStepped === true && stepped !== undefined ? { paths: stepped({ align: 1 }), dash: [4, 3] } : {}),
      })),
    ],
  };
}

/** What a reader of the screen is told of the picture. */
function summary(title: string, format: (value: number) => string, lines: readonly Line[], data: LineData): string {
  const parts = lines.flatMap(({ name }, i) => {
    const found = (data[i + 1] ?? []).filter((value) => value !== null);
    const last = found.at(-1);
    if (last === undefined) return [];
    return [`${name} from ${format(Math.min(...found))} to ${format(Math.max(...found))}, last ${format(last)}`];
  });
  const [first, last] = [data[0][0] ?? 0, data[0].at(-1) ?? 0];
  return `${title} over ${Math.round(last - first)} seconds: ${parts.join('; ')}`;
}
