import * as z from 'zod';
import {
  intakeColumns,
  intakeCompression,
  intakeFormat,
  jsonPath,
  outputCompression,
  outputFormat,
} from './format-fields.ts';
import { partitionColumns } from './partition-fields.ts';
import { rollFields } from './roll-fields.ts';

/** `intakeSettings` of a job that reads local files. */
export const localFileIntake = z
  .strictObject({
    type: z.literal('localFile').default('localFile').describe('Kind of intake.'),
    file: z
      .string()
      .min(1)
      .optional()
      .describe(
        'A file, a folder (all its files, by name), a glob, or `-` for standard input. Relative to the working folder.',
      ),
    files: z
      .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
      .optional()
      .describe('Several of them, read one after the other as one data set; in place of `file`.'),
    format: intakeFormat,
    jsonPath,
    columns: intakeColumns,
    compression: intakeCompression,
  })
  .superRefine(({ file, files }, context) => {
    const all = [file ?? [], files ?? []].flat();
    if (file !== undefined && files !== undefined) {
      context.addIssue({ code: 'custom', path: ['files'], message: 'cannot be given beside file; keep one of them' });
    } else if (all.length === 0) {
      context.addIssue({ code: 'custom', message: 'must name what to read: file (or files) is missing' });
    } else if (all.length > 1 && all.includes('-')) {
      context.addIssue({ code: 'custom', path: ['files'], message: 'cannot have standard input (-) beside files' });
    }
  })
  .transform(({ file, files, ...given }) => ({ ...given, files: [file ?? [], files ?? []].flat() }));

/** `outputSettings` of a job that writes a local file. */
export const localFileOutput = z.strictObject({
  type: z.literal('localFile').default('localFile').describe('Kind of output.'),
  path: z
    .string()
    .min(1)
    .describe(
      'The file to write, or `-` for standard output. Relative to the working folder. For a live topic the folder of its parts; with `partitionColumns` that of the files, with a slash at its end.',
    ),
  format: outputFormat,
  compression: outputCompression,
  partitionColumns,
  roll: rollFields,
});
