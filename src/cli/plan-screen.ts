import type { JobDescription } from '../jobs/description/parse-job.ts';
import { learnsSize } from '../jobs/learns-size.ts';
import { intakeName, outputName } from '../jobs/open-endpoints.ts';
import { byteText } from '../jobs/plan/byte-text.ts';
import type { Estimate } from '../jobs/plan/intake-estimate.ts';
import type { JobPlan } from '../jobs/plan/plan-job.ts';
import { count } from './progress-text.ts';

/** Names beyond these are counted only. */
const MOST_NAMES = 12;

/** A plan on one screen. */
export function planScreen(job: JobDescription, plan: JobPlan): string {
  const { sampled, splits, columns, storedBytes, continuation } = plan;
  const whole = sampled.whole ? 'all of it read' : `${count(sampled.rows)} rows read`;
  const stored = storedBytes === null ? '' : `, ${byteText(storedBytes)}`;
  const lines: (readonly [string, string])[] = [
    ['intake', `${intakeName(job)}: ${count(splits)} ${splits === 1 ? 'split' : 'splits'}${stored}, ${whole}`],
    ['columns', names(columns)],
    ['rows', plan.rows === null ? 'not known before it is read' : range(plan.rows, count)],
    ['to send', plan.csvBytes === null ? 'not known' : range(plan.csvBytes, byteText)],
    [
      'requests',
      plan.requests === null
        ? 'not known'
        : `${range(plan.requests, count)}, of ${byteText(plan.requestBytes)} or ${count(plan.requestRows)} rows ${learnsSize(job) ? 'to begin with' : 'at the most'}, ${job.numConcurrent} at once`,
    ],
    ...explanationLine(plan),
    ['output', outputName(job)],
    ['', plan.outputColumns === null ? 'columns not known' : names(plan.outputColumns)],
    ...(plan.outputBytes === null ? [] : [['', `about ${range(plan.outputBytes, byteText)}`] as const]),
    ['time', plan.milliseconds === null ? 'not known' : range(plan.milliseconds, duration)],
    ['begins', `${continuation.state}: ${continuation.says}`],
    ...plan.risks.map(({ setting, says }) => ['risk', `${setting}: ${says}`] as const),
    ...plan.notes.map((note) => ['note', note] as const),
  ];
  return `${lines.map(([what, says]) => `${what.padEnd(9)} ${says}`).join('\n')}\n`;
}

function explanationLine({ explanation }: JobPlan): readonly (readonly [string, string])[] {
  if (explanation === null) return [];
  const { copiesPerRow, baselineRows, rows, copies, requests } = explanation;
  const each = `${count(copiesPerRow)} copies of a row at the most (${count(baselineRows)} baseline rows)`;
  return [
    ['explains', `${range(rows, count)} rows, ${each}`],
    ['', `${range(copies, count)} copies in ${range(requests, count)} requests beside those of the rows`],
  ];
}

function range({ least, likely, most }: Estimate, text: (value: number) => string): string {
  if (text(least) === text(most)) return text(likely);
  return `about ${text(likely)} (${text(least)} to ${text(most)})`;
}

function names(all: readonly string[]): string {
  const shown = all.slice(0, MOST_NAMES).join(', ');
  return all.length <= MOST_NAMES ? shown : `${shown} and ${all.length - MOST_NAMES} more`;
}

function duration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3_600).toFixed(1)} h`;
}
