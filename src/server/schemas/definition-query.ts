import * as z from 'zod';
import { pageFields } from './page-fields.ts';

/** Clients that were given nothing send an empty text. */
const text = () =>
  z
    .string()
    .max(500)
    .transform((given) => (given === '' ? undefined : given))
    .optional();

/** The query of `GET /batchPredictionJobDefinitions/`. */
export const definitionQuery = z.strictObject({
  ...pageFields,
  searchName: text().describe('Only those with this in their name, in any case.'),
  deploymentId: text(),
});

/** The body of `POST /batchPredictions/fromJobDefinition/`. */
export const fromJobDefinitionBody = z.strictObject({
  jobDefinitionId: z.string().min(1).describe('The definition that is run.'),
});
