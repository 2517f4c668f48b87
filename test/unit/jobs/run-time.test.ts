import { describe, expect, test } from 'vitest';
import { atRunTime, withRunTimes } from '../../../src/jobs/run-time.ts';

const AT = Date.UTC(2026, 2, 1, 10, 30, 0, 250);
const BEFORE = Date.UTC(2026, 1, 28);
const every = { lastCompleted: BEFORE, lastScheduled: BEFORE + 1_000, nextScheduled: AT + 60_000 };

describe('F54: template variables', () => {
  test('stand in the query of an intake, and in the table or address of an output', () => {
    const query =
      '{{current_run_timestamp}} {{ current_run_time }} {{last_completed_run_time}} {{last_scheduled_run_time }}';
    const job = {
      intakeSettings: { type: 'jdbc', query, table: '{{ current_run_time }}' },
      outputSettings: { type: 's3', url: 's3://b/{{ next_scheduled_run_time }}.csv' },
    };
    expect(withRunTimes(job, { current: AT, definition: every })).toEqual({
      intakeSettings: {
        type: 'jdbc',
        query: `${AT} 2026-03-01T10:30:00 2026-02-28T00:00:00 2026-02-28T00:00:01`,
        // Nowhere else.
        table: '{{ current_run_time }}',
      },
      outputSettings: { type: 's3', url: 's3://b/2026-03-01T10:31:00.csv' },
    });
    const table = { outputSettings: { type: 'jdbc', table: 't_{{ current_run_timestamp }}' } };
    expect(atRunTime(table, AT).outputSettings.table).toBe(`t_${AT}`);
  });

  test('of a first run have 1970 for what was before', () => {
    const first = { lastCompleted: null, lastScheduled: null, nextScheduled: null };
    const job = { intakeSettings: { type: 'jdbc', query: '{{ last_completed_run_time }}' } };
    expect(withRunTimes(job, { current: AT, definition: first }).intakeSettings.query).toBe('1970-01-01T00:00:00');
  });

  test.each([
    ['{{ last_completed_run_time }}', undefined, 'only in runs of a job definition'],
    ['{{ next_scheduled_run_time }}', { ...every, nextScheduled: null }, 'is not scheduled'],
    ['{{ user }}', every, 'no template variable {{ user }}'],
    ['{{ constructor }}', every, 'no template variable {{ constructor }}'],
  ])('%s is refused where it has no value', (query, definition, message) => {
    const job = { intakeSettings: { type: 'jdbc', query } };
    const times = { current: AT, ...(definition === undefined ? {} : { definition }) };
    expect(() => withRunTimes(job, times)).toThrow('intakeSettings.query: ');
    expect(() => withRunTimes(job, times)).toThrow(message);
  });

  test('leave all else as it is, whatever it is', () => {
    const job = {
      intakeSettings: { type: 'jdbc', query: null },
      outputSettings: { type: 'localFile' },
      other: '{{ x }}',
    };
    expect(atRunTime(job, AT)).toEqual(job);
    expect(atRunTime({}, AT)).toEqual({});
  });
});
