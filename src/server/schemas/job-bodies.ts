import * as z from 'zod';

/** The body of `PATCH /batchPredictions/{id}/`. */
export const patchBody = z.strictObject({
  hidden: z.boolean().optional().describe('Leaves the job out of lists.'),
  aborted: z.boolean().optional().describe('True ends the job.'),
  priority: z.int().min(-100).max(100).optional().describe('Of a job that waits.'),
  logs: z.array(z.string().min(1).max(2_000)).max(100).optional().describe('Lines to add to the log.'),
});

/** The body of `POST /batchPredictions/fromExisting/`. */
export const fromExistingBody = z.strictObject({
  predictionJobId: z.string().min(1).describe('The job whose settings are taken.'),
});
