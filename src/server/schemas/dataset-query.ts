import * as z from 'zod';
import { pageFields } from './page-fields.ts';

/** The query of `GET /datasets/` and of the versions of one. */
export const datasetQuery = z.strictObject({
  ...pageFields,
  orderBy: z.enum(['created', '-created']).default('-created'),
  category: z.enum(['TRAINING', 'PREDICTION']).optional().describe('Every dataset is for both.'),
  filterFailed: z.string().max(10).optional().describe('Not looked at: what failed is in no list.'),
});
