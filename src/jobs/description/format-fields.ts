import * as z from 'zod';
import { FORMAT_NAMES } from '../../codecs/object-format.ts';

const format = z.enum(['auto', ...FORMAT_NAMES]).default('auto');

/** `format` of an intake of objects. */
export const intakeFormat = format.describe(
  'What the objects hold. `auto` goes by the ending of each name, behind which that of a compression may stand, and then by the content.',
);

/** `format` of an output of objects. */
export const outputFormat = format.describe(
  'What is written. `auto` goes by the ending of the name, behind which that of a compression may stand; else it is CSV.',
);

/** `compression` of an intake of objects. */
export const intakeCompression = z
  .enum(['auto', 'none', 'gzip', 'zstd', 'bzip2'])
  .default('auto')
  .describe('`auto` goes by the ending of the name: .gz, .gzip, .zst, .zstd, .bz2, .bzip2.');

/** `compression` of an output of objects. */
export const outputCompression = z
  .enum(['auto', 'none', 'gzip', 'zstd'])
  .default('auto')
  .describe(
    '`auto` goes by the ending of the name: .gz, .gzip, .zst, .zstd. Avro and Parquet pack what they hold by themselves, and are not packed once more.',
  );

/** `jsonPath` of an intake of objects. */
export const jsonPath = z
  .string()
  .min(1)
  .nullable()
  .default(null)
  .describe('Where the array of rows is in a JSON document, as `data.rows`. Null: the document is the array.');

/** `columns` of an intake of objects. */
export const intakeColumns = z
  .array(z.string().min(1))
  .min(1)
  .nullable()
  .default(null)
  .refine((names) => new Set(names).size === (names ?? []).length, { error: 'names a column twice' })
  .describe('The columns to read, in this order; the others are left out. Null: all.');
