import type { LiveJob, LiveLetters } from '../live/live-view.ts';
import { ask } from './api.ts';
import { element, setText } from './element.ts';
import { amount, badRows, counted } from './texts.ts';

/** While rows still fail their causes are not looked up more often than this. */
const EVERY_MS = 5_000;

/** The rows of a job that were not scored, by their cause. */
export function badRowsSection(id: string): { readonly node: HTMLElement; show(job: LiveJob): void; close(): void } {
  const note = element('p', { class: 'soft' });
  const causes = element('div', { class: 'causes' });
  const node = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'bad' },
    element('div', { class: 'panel-head' }, element('h2', { id: 'bad' }, 'Bad rows'), note),
    causes,
  );
  const leaving = new AbortController();
  let seen = '';
  let wanted = '';
  let timer = 0;

  const look = async (): Promise<void> => {
    seen = wanted;
    try {
      const letters = await ask<LiveLetters>(`/live/jobs/${id}/letters/`, { signal: leaving.signal });
      const found = letters.causes.map(causeOf);
      const nothing = element('p', { class: 'soft' }, 'They are not kept: the log has what is known of them.');
      causes.replaceChildren(...(found.length > 0 ? found : [nothing]));
    } catch (error) {
      if (!leaving.signal.aborted) causes.replaceChildren(element('p', { class: 'soft' }, (error as Error).message));
    }
    if (leaving.signal.aborted) return;
    timer = setTimeout(() => {
      timer = 0;
      if (seen !== wanted) void begin();
    }, EVERY_MS);
  };
  const begin = async (): Promise<void> => {
    timer = -1;
    await look();
  };
  return {
    node,
    show(job) {
      const { rows, status, isReplayed } = job;
      const count = badRows(job);
      node.hidden = count === 0 && seen === '';
      setText(note, count === 0 ? 'none any more' : `${counted(count, 'row')} of ${amount(rows.read)}`);
      wanted = `${rows.failed} ${rows.skipped} ${status} ${isReplayed}`;
      if (count === 0) causes.replaceChildren();
      else if (seen !== wanted && timer === 0) void begin();
    },
    close() {
      leaving.abort();
      clearTimeout(timer);
    },
  };
}

function causeOf({ kind, cause, letters, examples }: LiveLetters['causes'][number]): HTMLElement {
  const what = kind === 'failed' ? 'row' : 'record that is no row';
  const shown = examples.map(({ row, line, text, reason }) =>
    element(
      'li',
      {},
      element(
        'span',
        { class: 'soft' },
        [row === null ? null : `row ${amount(row + 1)}`, line === null ? null : `line ${amount(line)}`]
          .filter((part) => part !== null)
          .join(', '),
      ),
      element('code', {}, text),
      reason === cause ? null : element('span', { class: 'small' }, reason),
    ),
  );
  return element(
    'details',
    {},
    element(
      'summary',
      {},
      element(
        'span',
        { class: 'badge', 'data-tone': 'bad' },
        counted(letters, what, kind === 'failed' ? 'rows' : 'records that are no rows'),
      ),
      ' ',
      element('span', {}, cause === '' ? 'other causes' : cause),
    ),
    element('ul', { class: 'examples' }, ...shown),
  );
}
