import { element, setText } from './element.ts';

/** The settings that a job was made with, secrets left out by the server. */
export function specSection(): { readonly node: HTMLElement; show(spec: object): void } {
  const text = element('pre', { class: 'mono', tabindex: 0, 'aria-label': 'Settings as JSON' });
  const node = element(
    'section',
    { class: 'panel', 'aria-label': 'Settings' },
    element('details', {}, element('summary', {}, element('h2', {}, 'Settings')), text),
  );
  return { node, show: (spec) => setText(text, JSON.stringify(spec, null, 2)) };
}
