import type { LiveDetail, LiveJob } from '../live/live-view.ts';
import { ApiError, ask } from './api.ts';
import { badRowsSection } from './bad-rows.ts';
import { chartsSection } from './charts.ts';
import { driftSection } from './drift-section.ts';
import { button, element, setAttribute, setText } from './element.ts';
import { jobActions } from './job-actions.ts';
import { jobFigures } from './job-figures.ts';
import type { LiveState } from './live-state.ts';
import { logSection } from './log-section.ts';
import { progressCell } from './progress-cell.ts';
import { specSection } from './spec-section.ts';
import { stagesSection } from './stages-section.ts';
import { stateOf } from './texts.ts';
import { topicsSection } from './topics-section.ts';
import type { Uploads } from './uploads.ts';
import type { View } from './view.ts';

/** All of one job. */
export function jobPage(id: string, state: LiveState, uploads: Uploads): View {
  const title = element('h1');
  const badge = element('span', { class: 'badge' });
  const problem = element('p', { class: 'problem', role: 'alert' });
  const newest = element('p', { class: 'soft' });
  const detailText = element('p', { class: 'warn' });
  const progress = progressCell('Progress of the job');
  const actions = jobActions(id, state, (text) => setText(problem, text));
  const again = button('Send the file again', 'primary', () => {
    const upload = uploads.of(id);
    if (upload !== null) uploads.send(id, upload.file);
  });
  const figures = jobFigures();
  const [charts, stages, topics] = [chartsSection(), stagesSection(), topicsSection()];
  const [bad, drift, log, spec] = [badRowsSection(id), driftSection(id), logSection(), specSection()];
  const head = element(
    'section',
    { class: 'panel', 'aria-labelledby': 'job' },
    element('div', { class: 'job-head' }, title, badge, actions.node),
    element('p', { class: 'soft mono' }, id),
    element('div', { class: 'big-progress' }, progress.node),
    newest,
    detailText,
    problem,
    again,
    figures.node,
  );
  title.id = 'job';
  const sections = [charts, stages, topics, bad, drift, log, spec];
  const node = element(
    'div',
    {},
    element('nav', { 'aria-label': 'Where you are' }, element('a', { href: '#/' }, '← All jobs')),
    head,
    ...sections.map((section) => section.node),
  );
  const leaving = new AbortController();
  let lines = -1;
  let status: LiveJob['status'] | null = null;
  let isAsking = false;

  const show = (job: LiveJob): void => {
    const { text, tone } = stateOf(job);
    setText(title, job.deploymentId);
    setText(badge, text);
    setAttribute(badge, 'data-tone', tone);
    const upload = uploads.of(id);
    progress.show(job, upload);
    actions.show(job, state.mayRun);
    again.hidden = upload?.state !== 'broken' || job.status === 'COMPLETED' || job.status === 'ABORTED';
    const uploadProblem = upload === null || upload.state === 'sent' ? '' : upload.problem;
    setText(newest, uploadProblem === '' ? job.newestLine : uploadProblem);
    setText(detailText, job.sample?.detail ?? '');
    detailText.hidden = detailText.textContent === '';
    figures.show(job, state.now());
    if (job.sample !== null) {
      charts.add(job.sample);
      stages.show(job.sample);
      topics.show(job.sample.topics);
    }
    bad.show(job);
    drift.show(job);
    // What does not come with events is asked for when it has changed.
    if (job.lines !== lines || job.status !== status) void load();
  };

  const load = async (): Promise<void> => {
    if (isAsking || leaving.signal.aborted) return;
    isAsking = true;
    try {
      const detail = await ask<LiveDetail>(`/live/jobs/${id}/`, { signal: leaving.signal });
      lines = detail.job.lines;
      status = detail.job.status;
      charts.set(detail.history);
      if (detail.last !== null) {
        stages.show(detail.last);
        topics.show(detail.last.topics);
      }
      log.show(detail.logs);
      spec.show(detail.spec);
      for (const section of [head, log.node, spec.node]) section.hidden = false;
      setText(missing, '');
      state.put([detail.job]);
    } catch (error) {
      if (leaving.signal.aborted) return;
      const isMissing = error instanceof ApiError && error.status === 404;
      for (const section of [head, ...sections.map((section) => section.node)]) section.hidden ||= isMissing;
      if (isMissing) setText(missing, 'There is no such job, or it is not yours.');
      else setText(problem, (error as Error).message);
    } finally {
      isAsking = false;
    }
  };

  const missing = element('p', { class: 'empty' });
  node.append(missing);
  for (const section of [head, ...sections.map((section) => section.node)]) section.hidden = true;
  let wasLive = state.link === 'live';
  const unlisten = state.listen((changed) => {
    const isBack = state.link === 'live' && !wasLive;
    wasLive = state.link === 'live';
    // What was missed is asked for at once.
    if (isBack) void load();
    const job = changed.find((one) => one.id === id);
    if (job !== undefined) show(job);
  });
  if (wasLive) void load();
  return {
    title: `Job ${id.slice(-6)}`,
    node,
    uploaded(changed) {
      const job = state.jobs.get(id);
      if (changed === id && job !== undefined) show(job);
    },
    close() {
      leaving.abort();
      unlisten();
      charts.close();
      bad.close();
      drift.close();
    },
  };
}
