import * as z from 'zod';
import { whole } from './list-query.ts';

/** The query of `GET /datasets/` and of the versions of one. */
export const datasetQuery = z.strictObject({
  offset: whole(0, 999_999_999).prefault('0').describe('Entries to leave out.'),
  limit: whole(0, 1_000).prefault('100').describe('Entries on a page, 1,000 at the most; 0 for 100.'),
  orderBy: z.enum(['created', '-created']).default('-created'),
  category: z.enum(['TRAINING', 'PREDICTION']).optional().describe('Every dataset is for both.'),
  filterFailed: z.string().max(10).optional().describe('Not looked at: what failed is in no list.'),
});
