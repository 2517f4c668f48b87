import { thousands } from '../../core/thousands.ts';
import { html, type Markup } from './markup.ts';

/** With a digit behind the point. */
export function amount(value: number): string {
  return thousands(value, 1);
}

/** Four digits tell enough. */
export function figure(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(4)));
}

/** A share as `12.3 %`. */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}

export function milliseconds(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${Number(ms.toPrecision(3))} ms`;
}

/** @param names of the columns; `#` before one says that it holds numbers. */
export function table(names: readonly string[], rows: readonly (readonly (string | Markup)[])[]): Markup {
  const kinds = names.map((name) => (name.startsWith('#') ? 'number' : 'text'));
  const head = names.map((name, i) => html`<th class="${kinds[i]!}">${name.replace(/^#/, '')}</th>`);
  const body = rows.map((row) => html`<tr>${row.map((cell, i) => html`<td class="${kinds[i]!}">${cell}</td>`)}</tr>\n`);
  return html`<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
}
