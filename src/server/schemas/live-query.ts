import * as z from 'zod';

/** The query of `GET /live/jobs/`. */
export const liveQuery = z.strictObject({
  offset: z
    .string()
    .regex(/^\d{1,9}$/, { error: 'must be a whole number' })
    .transform(Number)
    .prefault('0')
    .describe('Jobs to leave out.'),
  status: z.enum(['INITIALIZING', 'RUNNING', 'COMPLETED', 'ABORTED']).optional().describe('Only these.'),
  deploymentId: z.string().max(200).optional(),
});
