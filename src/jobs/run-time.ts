import { SluiceError } from '../core/error.ts';

/** What the template variables of a run stand for, in milliseconds since 1970. */
export interface RunTimes {
  /** When the run begins, or was asked for. */
  readonly current: number;
  /** Only runs of a job definition have these. */
  readonly definition?: DefinitionTimes;
}

export interface DefinitionTimes {
  /** `current` of the last run that was completed; null: there was none. */
  readonly lastCompleted: number | null;
  /** The time that the run before this one was scheduled for; null: none was. */
  readonly lastScheduled: number | null;
  /** Null: the definition is not scheduled. */
  readonly nextScheduled: number | null;
}

const VARIABLE = /\{\{\s*(?:(\w+)\s*)?\}\}/g;
/** Those that only runs of a job definition have. */
const OF_DEFINITIONS: readonly string[] = [
  'last_completed_run_time',
  'last_scheduled_run_time',
  'next_scheduled_run_time',
];
/** Where variables may stand. What is put there is a time of ours and nothing else. */
const PLACES: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  intakeSettings: { jdbc: ['query'] },
  outputSettings: { s3: ['url'], jdbc: ['table'] },
};

/** The job with the template variables of its query and its output replaced by the time of the run; see `withRunTimes`. */
export function atRunTime<J extends object>(job: J, wallMs: number): J {
  return withRunTimes(job, { current: wallMs });
}

/**
 * A job, or a body of one, with the template variables of its query and its output replaced: `{{ current_run_timestamp }}` is milliseconds since
 * 1970, all others are UTC to the second. A run that no other came before has 1970-01-01 for what was before. Throws CONFIG_INVALID for variables
 * that there are not, or not in this run.
 */
export function withRunTimes<J extends object>(job: J, times: RunTimes): J {
  const changed: Record<string, unknown> = {};
  for (const [name, places] of Object.entries(PLACES)) {
    const settings = (job as Readonly<Record<string, unknown>>)[name] as Readonly<Record<string, unknown>> | undefined;
    const fields = typeof settings?.['type'] === 'string' ? (places[settings['type']] ?? []) : [];
    for (const field of fields) {
      const text = settings?.[field];
      if (typeof text !== 'string') continue;
      const before = (changed[name] ?? settings) as object;
      changed[name] = { ...before, [field]: textAtRunTime(`${name}.${field}`, text, times) };
    }
  }
  return { ...job, ...changed };
}

/** A text of a setting with the same variables replaced. @param field what the setting is called, for messages. */
export function textAtRunTime(field: string, text: string, times: RunTimes): string {
  const values = valuesOf(times);
  return text.replaceAll(VARIABLE, (_, name = '') => {
    const value = values.get(name);
    if (typeof value === 'string') return value;
    const what =
      value === null
        ? `{{ ${name} }} has no value, as the job definition is not scheduled`
        : OF_DEFINITIONS.includes(name)
          ? `{{ ${name} }} has a value only in runs of a job definition`
          : `there is no template variable {{ ${name} }}; there are ${[...values.keys()].join(' and ')}`;
    throw new SluiceError('CONFIG_INVALID', `${field}: ${what}.`);
  });
}

/** Null: there is such a time, but not in this run. */
function valuesOf({ current, definition }: RunTimes): ReadonlyMap<string, string | null> {
  const values = new Map<string, string | null>([
    ['current_run_timestamp', String(current)],
    ['current_run_time', timeText(current)],
  ]);
  if (definition === undefined) return values;
  const { lastCompleted, lastScheduled, nextScheduled } = definition;
  values.set('last_completed_run_time', timeText(lastCompleted ?? 0));
  values.set('last_scheduled_run_time', timeText(lastScheduled ?? 0));
  values.set('next_scheduled_run_time', nextScheduled === null ? null : timeText(nextScheduled));
  return values;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}
