import type { LiveJob } from '../live/live-view.ts';
import { ask, send } from './api.ts';
import { download } from './downloads.ts';
import { button, element } from './element.ts';
import type { LiveState } from './live-state.ts';

/** What can be done with a job now, as buttons that stay where they are while the job changes. */
export interface JobActions {
  readonly node: HTMLElement;
  show(job: LiveJob, mayRun: boolean): void;
}

/** @param fail told why something could not be done. @param brief a short form, for lists. */
export function jobActions(id: string, state: LiveState, fail: (text: string) => void, brief = false): JobActions {
  const attempt = (work: () => Promise<unknown>): void => {
    fail('');
    work().catch((error: unknown) => fail((error as Error).message));
  };
  const save = button(brief ? 'Download' : 'Download result', brief ? '' : 'primary', () =>
    attempt(() => download(id)),
  );
  const replay = button('Replay bad rows', '', () =>
    attempt(async () => {
      state.put([await ask<LiveJob>(`/live/jobs/${id}/replay/`, { method: 'POST', body: '{}' })]);
    }),
  );
  const end = async (): Promise<void> => {
    const isSure = await confirmed(
      'Abort this job?',
      'It ends at once, and what it has written is removed.',
      'Abort job',
    );
    if (isSure) await send(`/batchPredictions/${id}/`, { method: 'DELETE' });
  };
  const abort = button(brief ? 'Abort' : 'Abort job', 'danger', () => attempt(end));
  const node = element('div', { class: 'actions' }, save, ...(brief ? [] : [replay]), abort);
  return {
    node,
    show(job, mayRun) {
      const label = (text: string): string => `${text}: ${job.deploymentId}, job ${id}`;
      if (brief) {
        save.setAttribute('aria-label', label('Download'));
        abort.setAttribute('aria-label', label('Abort'));
      }
      save.hidden = !job.hasResult || job.isReplayed || (brief && job.status !== 'COMPLETED');
      replay.hidden = !mayRun || !job.canReplay;
      abort.hidden = !mayRun || (job.status !== 'INITIALIZING' && job.status !== 'RUNNING');
    },
  };
}

/** Asks before something is done that cannot be undone. */
function confirmed(title: string, text: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const dialog = element(
      'dialog',
      { 'aria-labelledby': 'question', 'aria-describedby': 'consequence' },
      element('h2', { id: 'question' }, title),
      element('p', { id: 'consequence' }, text),
      element(
        'div',
        { class: 'actions' },
        button('Keep it', '', () => dialog.close('')),
        button(yes, 'danger', () => dialog.close('yes')),
      ),
    );
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
