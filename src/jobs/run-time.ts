import { SluiceError } from '../core/error.ts';
import type { JobDescription } from './description/parse-job.ts';

const VARIABLE = /\{\{\s*(\w*)\s*\}\}/g;
/** Those that only runs of a job definition have. */
const OF_DEFINITIONS: ReadonlySet<string> = new Set([
  'last_completed_run_time',
  'last_scheduled_run_time',
  'next_scheduled_run_time',
]);

/**
 * The job with the template variables of its query and its output replaced by the time of the run: `{{ current_run_timestamp }}` is
 * milliseconds since 1970, `{{ current_run_time }}` UTC to the second. Throws CONFIG_INVALID for any other.
 * @param wallMs when the run begins.
 */
export function atRunTime(job: JobDescription, wallMs: number): JobDescription {
  const { intakeSettings: intake, outputSettings: output } = job;
  const query = intake.type === 'jdbc' && intake.query !== null ? intake.query : null;
  return {
    ...job,
    ...(intake.type === 'jdbc' && query !== null
      ? { intakeSettings: { ...intake, query: textAtRunTime('intakeSettings.query', query, wallMs) } }
      : {}),
    ...(output.type === 's3'
      ? { outputSettings: { ...output, url: textAtRunTime('outputSettings.url', output.url, wallMs) } }
      : {}),
    ...(output.type === 'jdbc'
      ? { outputSettings: { ...output, table: textAtRunTime('outputSettings.table', output.table, wallMs) } }
      : {}),
  };
}

/** A text of a setting with the same variables replaced. @param field what the setting is called, for messages. */
export function textAtRunTime(field: string, text: string, wallMs: number): string {
  const values: ReadonlyMap<string, string> = new Map([
    ['current_run_timestamp', String(wallMs)],
    ['current_run_time', new Date(wallMs).toISOString().slice(0, 19)],
  ]);
  return text.replaceAll(VARIABLE, (_, name: string) => {
    const value = values.get(name);
    if (value !== undefined) return value;
    const what = OF_DEFINITIONS.has(name)
      ? `{{ ${name} }} has a value only in runs of a job definition`
      : `there is no template variable {{ ${name} }}; there are ${[...values.keys()].join(' and ')}`;
    throw new SluiceError('CONFIG_INVALID', `${field}: ${what}.`);
  });
}
