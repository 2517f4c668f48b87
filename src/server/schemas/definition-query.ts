import * as z from 'zod';
import { whole } from './list-query.ts';

/** Clients that were given nothing send an empty text. */
const text = () =>
  z
    .string()
    .max(500)
    .transform((given) => (given === '' ? undefined : given))
    .optional();

/** The query of `GET /batchPredictionJobDefinitions/`. */
export const definitionQuery = z.strictObject({
  offset: whole(0, 999_999_999).prefault('0').describe('Definitions to leave out.'),
  limit: whole(0, 1_000).prefault('100').describe('Definitions on a page, 1,000 at the most; 0 for 100.'),
  searchName: text().describe('Only those with this in their name, in any case.'),
  deploymentId: text(),
});

/** The body of `POST /batchPredictions/fromJobDefinition/`. */
export const fromJobDefinitionBody = z.strictObject({
  jobDefinitionId: z.string().min(1).describe('The definition that is run.'),
});
