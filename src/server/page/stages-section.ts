import type { LiveSample } from '../live/live-view.ts';
import { element, setAttribute, setText } from './element.ts';
import { percentText } from './texts.ts';

type Stage = LiveSample['stages'][number];
const ACTIVITIES = ['work', 'server', 'input', 'output'] as const;
type Activity = (typeof ACTIVITIES)[number];

/** What the activities of each stage are, and whether it works or waits for its neighbour then. */
const MEANING: Readonly<
  Record<Stage['stage'], Partial<Record<Activity, readonly [text: string, isWaiting: boolean]>>>
> = {
  ingest: {
    input: ['reading the intake', false],
    work: ['finding rows', false],
    output: ['waiting for the score stage', true],
  },
  score: {
    server: ['the prediction server', false],
    work: ['joining rows with their scores', false],
    input: ['waiting for rows', true],
    output: ['waiting for the deliver stage', true],
  },
  deliver: {
    output: ['writing the output', false],
    work: ['putting rows in order', false],
    input: ['waiting for scored rows', true],
  },
};

/** Where the time of a job goes: for each stage its shares, and which of all it waits for most. */
export function stagesSection(): { readonly node: HTMLElement; show(sample: LiveSample): void } {
  const most = element('strong');
  const rows = new Map((['ingest', 'score', 'deliver'] as const).map((stage) => [stage, stageRow(stage)]));
  const node = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'stages' },
    element(
      'div',
      { class: 'panel-head' },
      element('h2', { id: 'stages' }, 'Where the time goes'),
      element('p', {}, 'Bottleneck: ', most),
    ),
    element('div', { class: 'stages' }, ...[...rows.values()].map((row) => row.node)),
  );
  return {
    node,
    show({ stages, bottleneck }) {
      node.hidden = false;
      setText(most, bottleneck);
      for (const stage of stages) rows.get(stage.stage)?.show(stage);
    },
  };
}

function stageRow(name: Stage['stage']): { readonly node: HTMLElement; show(stage: Stage): void } {
  const parts = ACTIVITIES.map((activity) => ({
    activity,
    part: element('span', { 'data-activity': activity, 'data-waits': MEANING[name][activity]?.[1] ?? false }),
  }));
  const text = element('p', { class: 'soft small' });
  const node = element(
    'div',
    { class: 'stage' },
    element('h3', {}, name),
    element('div', { class: 'share', 'aria-hidden': true }, ...parts.map(({ part }) => part)),
    text,
  );
  return {
    node,
    show({ milliseconds }) {
      const all = ACTIVITIES.reduce((sum, activity) => sum + milliseconds[activity], 0);
      for (const { activity, part } of parts) part.style.flexGrow = String(milliseconds[activity]);
      const shares = ACTIVITIES.map((activity) => ({ activity, share: all === 0 ? 0 : milliseconds[activity] / all }))
        .filter(({ share }) => share >= 0.005)
        .toSorted((a, b) => b.share - a.share)
        .map(
          ({ activity, share }) =>
            `${percentText(Math.round(100 * share) / 100)} ${MEANING[name][activity]?.[0] ?? activity}`,
        );
      setText(text, shares.join(', '));
      setAttribute(node, 'data-idle', all === 0);
    },
  };
}
