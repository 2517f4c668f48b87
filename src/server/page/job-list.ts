import type { LiveJob, LiveJobs } from '../live/live-view.ts';
import { ask } from './api.ts';
import { button, element, setText } from './element.ts';
import { type JobRow, jobRow } from './job-row.ts';
import type { LiveState } from './live-state.ts';
import { startPanel } from './start-panel.ts';
import { counted } from './texts.ts';
import type { Uploads } from './uploads.ts';
import type { View } from './view.ts';

const STATES = [
  ['', 'All states'],
  ['INITIALIZING', 'Waiting'],
  ['RUNNING', 'Running'],
  ['COMPLETED', 'Done'],
  ['ABORTED', 'Aborted'],
] as const;
const COLUMNS = ['State', 'Job', 'Progress', '#Rows/s', '#Time', '#Bad rows', '#Created', '!Actions'];

/** Lines that are drawn; the server is asked for further ones. */
const STEP = 100;

/** The first view: where jobs are started, and all jobs. */
export function jobList(state: LiveState, uploads: Uploads, say: (text: string) => void): View {
  const rows = new Map<string, JobRow>();
  const filter = { status: '', deploymentId: '' };
  let room = STEP;
  let total = 0;
  const status = element(
    'select',
    { id: 'by-state' },
    ...STATES.map(([value, text]) => element('option', { value }, text)),
  );
  const deployment = element('select', { id: 'by-deployment' });
  const problem = element('p', { class: 'problem', role: 'alert' });
  const body = element('tbody');
  const empty = element('p', { class: 'empty' });
  const count = element('p', { class: 'soft' });
  const more = button('Older jobs', '', () => {
    room += STEP;
    void load();
  });
  const heads = COLUMNS.map((name) => {
    const kind = name.startsWith('#') ? 'number' : null;
    const text = name.replace(/^[#!]/, '');
    return element(
      'th',
      { scope: 'col', class: kind },
      name.startsWith('!') ? element('span', { class: 'unseen' }, text) : text,
    );
  });
  const table = element(
    'table',
    { 'aria-labelledby': 'jobs' },
    element('thead', {}, element('tr', {}, ...heads)),
    body,
  );
  const jobs = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'jobs' },
    element(
      'div',
      { class: 'panel-head' },
      element('h2', { id: 'jobs' }, 'Jobs'),
      count,
      element(
        'div',
        { class: 'filters' },
        element('label', {}, element('span', { class: 'unseen' }, 'State'), status),
        element('label', {}, element('span', { class: 'unseen' }, 'Deployment'), deployment),
      ),
    ),
    problem,
    element('div', { class: 'scroll', role: 'region', 'aria-label': 'List of jobs', tabindex: 0 }, table),
    empty,
    more,
  );
  const matches = (job: LiveJob): boolean =>
    !job.hidden &&
    (filter.status === '' || job.status === filter.status) &&
    (filter.deploymentId === '' || job.deploymentId === filter.deploymentId);

  const show = (): void => {
    showDeployments(deployment, state.deployments, filter.deploymentId);
    const found = [...state.jobs.values()]
      .filter(matches)
      .toSorted((a, b) => b.created - a.created || (a.id < b.id ? 1 : -1));
    const shown = found.slice(0, room);
    const wanted = new Set(shown.map(({ id }) => id));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      row.node.remove();
      rows.delete(id);
    }
    for (const [i, job] of shown.entries()) {
      let row = rows.get(job.id);
      if (row === undefined) rows.set(job.id, (row = jobRow(job.id, state, (text) => setText(problem, text))));
      row.show(job, uploads.of(job.id));
      // Moving an element takes the focus from it: only those that stand elsewhere are moved.
      const there = body.children[i];
      if (there !== row.node) body.insertBefore(row.node, there ?? null);
    }
    table.hidden = shown.length === 0;
    const known = Math.max(total, found.length);
    setText(
      count,
      shown.length === 0
        ? ''
        : known > shown.length
          ? `the newest ${shown.length} of ${known}`
          : counted(shown.length, 'job'),
    );
    more.hidden = known <= shown.length;
    setText(empty, shown.length > 0 || state.link !== 'live' ? '' : emptyText(filter));
    empty.hidden = empty.textContent === '';
  };

  const load = async (): Promise<void> => {
    const asked = { ...filter };
    const query = new URLSearchParams({ offset: String(room - STEP) });
    for (const [name, value] of Object.entries(asked)) if (value !== '') query.set(name, value);
    try {
      const page = await ask<LiveJobs>(`/live/jobs/?${query}`);
      if (asked.status !== filter.status || asked.deploymentId !== filter.deploymentId) return;
      total = page.total;
      setText(problem, '');
      state.put(page.jobs);
    } catch (error) {
      setText(problem, (error as Error).message);
    }
    show();
  };
  const refilter = (): void => {
    filter.status = status.value;
    filter.deploymentId = deployment.value;
    room = STEP;
    total = 0;
    show();
    void load();
  };
  status.addEventListener('change', refilter);
  deployment.addEventListener('change', refilter);
  const unlisten = state.listen(show);
  show();
  if (state.link === 'live') void load();
  return {
    title: 'Jobs',
    node: element('div', {}, element('h1', { class: 'unseen' }, 'Sluice: jobs'), startPanel(state, uploads, say), jobs),
    uploaded: show,
    close: unlisten,
  };
}

function showDeployments(select: HTMLSelectElement, deployments: readonly string[], chosen: string): void {
  const wanted = ['', ...deployments];
  if (wanted.length === select.options.length && wanted.every((id, i) => select.options[i]?.value === id)) return;
  select.replaceChildren(...wanted.map((id) => element('option', { value: id }, id === '' ? 'All deployments' : id)));
  select.value = chosen;
}

function emptyText({ status, deploymentId }: { readonly status: string; readonly deploymentId: string }): string {
  return status === '' && deploymentId === ''
    ? 'There are no jobs yet. Drop a CSV file on a deployment to start the first one.'
    : 'No job is like this.';
}
