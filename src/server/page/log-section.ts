import { element } from './element.ts';

/** The log of a job. */
export function logSection(): { readonly node: HTMLElement; show(lines: readonly string[]): void } {
  const list = element('ol');
  const place = element('div', { class: 'log', role: 'region', 'aria-label': 'Lines of the log', tabindex: 0 }, list);
  return {
    node: element('section', { class: 'panel', 'aria-labelledby': 'log' }, element('h2', { id: 'log' }, 'Log'), place),
    show(lines) {
      list.replaceChildren(...lines.map((line) => element('li', {}, line)));
      place.scrollTop = place.scrollHeight;
    },
  };
}
