import type { LiveJob } from '../live/live-view.ts';
import { element, setAttribute, setText } from './element.ts';
import { jobActions } from './job-actions.ts';
import type { LiveState } from './live-state.ts';
import { progressCell } from './progress-cell.ts';
import { amount, badRows, duration, moment, rateOf, rateText, stateOf } from './texts.ts';
import type { Upload } from './uploads.ts';

/** A line of the list. It is changed in place, so that what has the focus keeps it. */
export interface JobRow {
  readonly node: HTMLTableRowElement;
  show(job: LiveJob, upload: Upload | null): void;
}

export function jobRow(id: string, state: LiveState, fail: (text: string) => void): JobRow {
  const badge = element('span', { class: 'badge' });
  const link = element('a', { href: `#/jobs/${id}` });
  const about = element('span', { class: 'soft small' });
  const progress = progressCell('Progress');
  const [rate, left, bad, created] = ['number', 'number', 'number', 'number soft'].map((kind) =>
    element('td', { class: kind }),
  ) as [HTMLTableCellElement, HTMLTableCellElement, HTMLTableCellElement, HTMLTableCellElement];
  const actions = jobActions(id, state, fail, true);
  const node = element(
    'tr',
    {},
    element('td', {}, badge),
    element('th', { scope: 'row', class: 'name' }, link, about),
    element('td', { class: 'wide' }, progress.node),
    rate,
    left,
    bad,
    created,
    element('td', { class: 'end' }, actions.node),
  );
  return {
    node,
    show(job, upload) {
      const { text, tone } = stateOf(job);
      setText(badge, text);
      setAttribute(badge, 'data-tone', tone);
      setText(link, job.deploymentId);
      setText(
        about,
        [id, job.definition, job.owner === state.user ? null : job.owner].filter((part) => part !== null).join(' · '),
      );
      progress.show(job, upload);
      const speed = rateOf(job);
      setText(rate, speed === null ? '–' : rateText(speed));
      setText(left, timeText(job));
      const count = badRows(job);
      setText(bad, amount(count));
      setAttribute(bad, 'data-bad', count > 0);
      setText(created, moment(job.created, state.now()));
      setAttribute(created, 'title', new Date(job.created).toISOString());
      actions.show(job, state.mayRun);
    },
  };
}

/** Time to go while a job runs, how long it took when it has ended. */
function timeText({ status, sample, elapsedMs }: LiveJob): string {
  if (status === 'RUNNING') return sample?.etaMs == null ? '–' : `${duration(sample.etaMs)} left`;
  return status === 'INITIALIZING' ? '–' : duration(elapsedMs);
}
