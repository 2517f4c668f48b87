import * as z from 'zod';
import { validate } from '../description/validate.ts';
import { predictionBody } from '../queue/body/prediction-body.ts';
import { type Schedule, scheduleFields } from './schedule-fields.ts';

const ownFields = {
  name: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .nullable()
    .optional()
    .describe('No two definitions have the same. One is made up where none is given.'),
  enabled: z.boolean().optional().describe('Whether it is run by its schedule; it needs one then. False if left out.'),
  schedule: scheduleFields.optional(),
};

/** The body of `POST /batchPredictionJobDefinitions/`: that of a job, with three fields of its own. */
export const definitionBody = z.strictObject({ ...predictionBody.shape, ...ownFields });

/** The body of PATCH: some of the same fields, each as a whole. */
export const definitionPatch = z.strictObject({ ...predictionBody.partial().shape, ...ownFields });

/** What a body says of the definition itself; what it leaves out is undefined. */
export interface OwnFields {
  readonly name?: string | null | undefined;
  readonly enabled?: boolean | undefined;
  readonly schedule?: Schedule | null | undefined;
}

/** A body in its two parts: what is of the definition, and what is of its jobs, as it came. Throws CONFIG_INVALID. */
export function definitionParts(body: object): { readonly own: OwnFields; readonly job: object } {
  const { name, enabled, schedule, ...job } = body as Readonly<Record<string, unknown>>;
  const own = validate(z.strictObject(ownFields), { name, enabled, schedule }, new Set(), { place: () => 'body' });
  return { own, job };
}
