import type { LiveSample } from '../live/live-view.ts';
import { element, setText } from './element.ts';
import { amount } from './texts.ts';

/** What a job over Kafka has to show beside its rows. */
export function topicsSection(): { readonly node: HTMLElement; show(topics: LiveSample['topics']): void } {
  const list = element('dl', { class: 'figures' });
  const node = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'kafka' },
    element('h2', { id: 'kafka' }, 'Kafka'),
    list,
  );
  const values = ['Batches behind', 'Partitions', 'Paused', 'Workers', 'Rebalances', 'Transactions'].map((name) => {
    const value = element('dd');
    list.append(element('div', {}, element('dt', {}, name), value));
    return value;
  });
  return {
    node,
    show(topics) {
      node.hidden = topics === null;
      if (topics === null) return;
      const { lag, partitions, paused, workers, rebalances, transactions } = topics;
      for (const [i, figure] of [lag, partitions, paused, workers, rebalances, transactions].entries())
        setText(values[i]!, figure === null ? '–' : amount(figure));
    },
  };
}
