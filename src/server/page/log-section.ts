import { element } from './element.ts';

/** The log of a job. */
export function logSection(): { readonly node: HTMLElement; show(lines: readonly string[]): void } {
  const list = element('ol', {
    class: 'log',
    role: 'log',
    'aria-live': 'off',
    'aria-label': 'Log of the job',
    tabindex: 0,
  });
  return {
    node: element('section', { class: 'panel', 'aria-labelledby': 'log' }, element('h2', { id: 'log' }, 'Log'), list),
    show(lines) {
      list.replaceChildren(...lines.map((line) => element('li', {}, line)));
      list.scrollTop = list.scrollHeight;
    },
  };
}
