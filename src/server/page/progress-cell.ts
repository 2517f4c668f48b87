import type { LiveJob } from '../live/live-view.ts';
import { element, setAttribute, setText } from './element.ts';
import { byteText, compact, counted } from './texts.ts';
import type { Upload } from './uploads.ts';

/** A bar with what it means beside it. */
export interface ProgressCell {
  readonly node: HTMLElement;
  show(job: LiveJob, upload: Upload | null): void;
}

export function progressCell(label: string): ProgressCell {
  const bar = element('progress', { max: 100, value: 0, 'aria-label': label });
  const text = element('span', { class: 'progress-text' });
  const node = element('div', { class: 'progress' }, bar, text);
  return {
    node,
    show(job, upload) {
      const isSending = upload?.state === 'sending' && upload.file.size > 0;
      const share = isSending && job.status === 'INITIALIZING' ? (100 * upload.sent) / upload.file.size : job.percent;
      const value = share === null ? (job.status === 'RUNNING' ? null : 0) : Math.floor(share);
      // Without a value it is shown as under way.
      setAttribute(bar, 'value', value);
      setAttribute(bar, 'data-status', job.status);
      setText(text, progressText(job, upload));
    },
  };
}

function progressText(job: LiveJob, upload: Upload | null): string {
  const { rows, status, percent } = job;
  if (upload?.state === 'sending' && percent === null)
    return `${byteText(upload.sent)} of ${byteText(upload.file.size)} sent${rows.read > 0 ? `, ${compact(rows.read)} rows` : ''}`;
  if (status === 'INITIALIZING') return '';
  if (status === 'COMPLETED') return counted(rows.read, 'row');
  const read = rows.read >= 100_000 ? `${compact(rows.read)} rows` : counted(rows.read, 'row');
  return percent === null || status === 'ABORTED' ? read : `${percent} %, ${read}`;
}
