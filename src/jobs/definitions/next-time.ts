import { Cron } from 'croner';
import { chosen, type Schedule } from './schedule-fields.ts';

/**
 * The first time after `afterMs` that a schedule names, in milliseconds since 1970; a whole minute. Null when no date is so. Dates that a month
 * does not have are passed over.
 */
export function nextTime(schedule: Schedule, afterMs: number): number | null {
  const part = (field: keyof Schedule): string => chosen(schedule, field)?.join(',') ?? '*';
  const fields = (['minute', 'hour', 'dayOfMonth', 'month', 'dayOfWeek'] as const).map(part);
  // Where both day fields are restricted, cron takes the days of either, as DataRobot does.
  const cron = new Cron(fields.join(' '), { timezone: 'UTC', mode: '5-part', paused: true });
  return cron.nextRun(new Date(afterMs))?.getTime() ?? null;
}
