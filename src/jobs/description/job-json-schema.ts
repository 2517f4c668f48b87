import { type FieldSchema, fieldSchema } from './field-schema.ts';
import { jobDescription } from './job-description.ts';

/** config/job.schema.json: for editors and validators; `sluice schema` prints it. */
export function jobJsonSchema(): FieldSchema & { readonly title: string } {
  return { ...fieldSchema(jobDescription), title: 'Sluice job description' };
}
