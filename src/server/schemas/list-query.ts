import * as z from 'zod';
import { utcTime } from '../../core/utc-time.ts';

/** A parameter that may stand once or several times. */
export const several = <T extends z.ZodType>(one: T) =>
  z
    .union([one, z.array(one)])
    .transform((given): z.output<T>[] => (Array.isArray(given) ? given : [given]) as z.output<T>[])
    .optional();

/** A whole number of a query. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, { error: 'must be a whole number' })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error: `must be from ${least} to ${most}` });

/** A time of a query; without a zone it is UTC. */
export const time = () =>
  z
    .string()
    .refine((text) => !Number.isNaN(utcTime(text)), { error: 'must be a time as 2026-11-28T12:00:00Z' })
    .optional();

/** The query of `GET /batchPredictions/`. */
export const listQuery = z.strictObject({
  offset: whole(0, 999_999_999).prefault('0').describe('Jobs to leave out.'),
  limit: whole(0, 1_000).prefault('100').describe('Jobs on a page, 1,000 at the most; 0 for 100.'),
  status: several(z.enum(['INITIALIZING', 'RUNNING', 'COMPLETED', 'ABORTED', 'FAILED'])).describe('Only these.'),
  source: several(z.string().max(100)).describe(
    'Only those that were started by this; with a `-` before it: all others.',
  ),
  deploymentId: z.string().optional(),
  modelId: z.string().optional(),
  jobId: z.string().optional(),
  batchPredictionJobDefinitionId: z.string().optional(),
  hostname: z.string().optional().describe('Of the prediction server.'),
  orderBy: z.enum(['created', '-created', 'status', '-status']).default('-created'),
  cutoffHours: whole(1, 999_999).optional().describe('Only jobs of the last so many hours.'),
  startDateTime: time().describe('Only jobs made since then; takes the place of `cutoffHours`.'),
  endDateTime: time().describe('Only jobs made before then.'),
  intakeType: several(z.string().max(40)),
  outputType: several(z.string().max(40)),
  allJobs: z.string().optional().describe('Not looked at.'),
});
