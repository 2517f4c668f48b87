import * as z from 'zod';
import { DATASET_NAMES, isDatasetName } from '../../jobs/catalog/dataset-name.ts';
import { pageFields } from './page-fields.ts';

/** The query of `GET /datasets/` and of the versions of one. */
export const datasetQuery = z.strictObject({
  ...pageFields,
  orderBy: z.enum(['created', '-created']).default('-created'),
  category: z.enum(['TRAINING', 'PREDICTION']).optional().describe('Every dataset is for both.'),
  filterFailed: z.string().max(10).optional().describe('Not looked at: what failed is in no list.'),
});

/** The body of `PATCH /datasets/{id}/`. */
export const datasetPatch = z.strictObject({
  name: z
    .string()
    .refine(isDatasetName, { error: `cannot be the name of a dataset: ${DATASET_NAMES}` })
    .optional()
    .describe('What people call it; jobs may name it by that.'),
  categories: z
    .array(z.enum(['TRAINING', 'PREDICTION']))
    .optional()
    .describe('Not kept: every dataset is for both.'),
});
