import * as z from 'zod';
import type { FormatName } from '../../codecs/object-format.ts';

/** `partitionColumns` of an output of objects. */
export const partitionColumns = z
  .array(z.string().min(1))
  .nullable()
  .default([])
  .transform((names) => names ?? [])
  .refine((names) => new Set(names).size === names.length, { error: 'names a column twice' })
  .describe(
    'Columns of the output that a folder of Parquet files is divided by, in this order: `carrier=AA/month=1/part-….parquet`. The address ends in a ' +
      'slash then, and `format` is parquet.',
  );

/** What is wrong with an output that is divided by columns; null when nothing is. */
export function partitionProblem(
  output: { readonly format: FormatName | 'auto'; readonly partitionColumns: readonly string[] },
  address: string,
  isLive: boolean,
): { readonly field: 'partitionColumns' | 'format' | 'address'; readonly message: string } | null {
  if (output.partitionColumns.length === 0) return null;
  if (isLive) {
    const message = 'cannot be given for a live topic, whose parts are files of their own; give intakeSettings.until';
    return { field: 'partitionColumns', message };
  }
  if (output.format !== 'parquet')
    return { field: 'format', message: 'must be parquet where there are partitionColumns' };
  if (!address.endsWith('/'))
    return { field: 'address', message: 'must be a folder, with a slash at its end, where there are partitionColumns' };
  return null;
}
