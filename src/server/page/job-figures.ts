import type { LiveJob } from '../live/live-view.ts';
import { element, setText } from './element.ts';
import { amount, badRows, byteText, duration, latency, moment, rateOf, rateText } from './texts.ts';

const NAMES = [
  'Rows read',
  'Scored',
  'Bad',
  'Rows/s',
  'Elapsed',
  'Time left',
  'In flight',
  'Latency p50 / p99',
  'Bytes read',
  'Result',
  'Created',
  'By',
  'Model',
] as const;

/** The figures of a job, in a row. */
export function jobFigures(): { readonly node: HTMLElement; show(job: LiveJob, now: number): void } {
  const values = new Map(NAMES.map((name) => [name, element('dd')]));
  const node = element(
    'dl',
    { class: 'figures' },
    ...NAMES.map((name) =>
      element('div', { class: name === 'Model' ? 'broad' : null }, element('dt', {}, name), values.get(name)!),
    ),
  );
  return {
    node,
    show(job, now) {
      const { rows, sample } = job;
      const rate = rateOf(job);
      const texts: Readonly<Record<(typeof NAMES)[number], string | null>> = {
        'Rows read': amount(rows.read),
        Scored: amount(rows.scored),
        Bad: amount(badRows(job)),
        'Rows/s': rate === null ? null : rateText(rate),
        Elapsed: job.status === 'INITIALIZING' ? null : duration(job.elapsedMs),
        'Time left': sample?.etaMs == null ? null : duration(sample.etaMs),
        'In flight': sample === null ? null : `${sample.inFlight} of ${sample.limit ?? '–'}`,
        'Latency p50 / p99': sample === null ? null : `${latency(sample.p50)} / ${latency(sample.p99)}`,
        'Bytes read': job.intakeBytes === null ? null : byteText(job.intakeBytes),
        Result: job.outputBytes === null ? null : byteText(job.outputBytes),
        Created: moment(job.created, now),
        By: job.owner,
        Model: job.model,
      };
      for (const name of NAMES) {
        const value = values.get(name)!;
        value.parentElement!.hidden = texts[name] === null;
        setText(value, texts[name] ?? '');
      }
      values.get('Bad')!.classList.toggle('bad', badRows(job) > 0);
    },
  };
}
