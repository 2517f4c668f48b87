import * as z from 'zod';

/** `server.schedule` in a configuration. */
export const scheduleSettings = z
  .strictObject({
    failuresBeforeDisabling: z
      .int()
      .min(1)
      .max(1_000_000)
      .default(5)
      .describe('Scheduled runs of a definition that fail one after the other before it is switched off.'),
    runsPerDay: z
      .int()
      .min(0)
      .default(1_000)
      .describe('Scheduled runs of all definitions in one day, UTC; those beyond are left out.'),
  })
  .prefault({})
  .describe('How definitions of jobs are run by their schedules.');

export type ScheduleSettings = z.output<typeof scheduleSettings>;
