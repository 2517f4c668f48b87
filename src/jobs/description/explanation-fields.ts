import * as z from 'zod';
import { datasetIntake } from './dataset-fields.ts';
import { localFileIntake } from './local-file-fields.ts';

/** How explanations are computed. */
export const explanationAlgorithms = ['shap', 'xemp', 'occlusion'] as const;

/** `explanation` of a job or a deployment: how `explanationAlgorithm: occlusion` explains, and what it may cost. */
export const explanationFields = z
  .strictObject({
    baseline: z
      .discriminatedUnion('type', [localFileIntake, datasetIntake])
      .nullable()
      .default(null)
      .describe(
        "Where the baseline rows come from: files or a dataset in the form of the intake, as in `intakeSettings`. Null: the intake's own " +
          'beginning; standard input and topics need one.',
      ),
    baselineRows: z
      .int()
      .min(1)
      .max(1_000)
      .default(100)
      .describe(
        'Baseline rows, chosen among the first 10,000 (16 MB) that are read: more make explanations steadier and dearer.',
      ),
    columns: z
      .array(z.string().min(1))
      .min(1)
      .nullable()
      .default(null)
      .describe(
        'Columns to explain by; the others stay as they are. Null: all but the association ID. Naming those that the model uses saves copies.',
      ),
    maxCopies: z
      .int()
      .min(1)
      .max(100_000)
      .default(1_000)
      .describe(
        'Perturbed copies of one row at the most. A baseline row takes 2 · columns - 1 of them; fewer baseline rows are used where this is not enough.',
      ),
  })
  .superRefine(({ baseline }, context) => {
    if (baseline?.type === 'localFile' && baseline.files.includes('-'))
      context.addIssue({ code: 'custom', path: ['baseline'], message: 'cannot be standard input' });
  });

export type ExplanationFields = z.output<typeof explanationFields>;
