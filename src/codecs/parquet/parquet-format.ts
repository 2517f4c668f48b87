import { SluiceError } from '../../core/error.ts';
import type { ObjectFormat } from '../object-format.ts';
import { MAGIC } from './magic.ts';
import { createParquetReader } from './parquet-reader.ts';
import { createParquetWriter } from './parquet-writer.ts';

/** Parquet: read by ranges of the columns that are wanted, a part for each row group; written by row groups. */
export const parquetFormat: ObjectFormat = {
  name: 'parquet',
  endings: ['parquet', 'parq', 'pq'],
  recognizes: (head) => head.length >= MAGIC.length && MAGIC.equals(head.subarray(0, MAGIC.length)),
  reader: ({ columns }) => createParquetReader(columns),
  writer: ({ parquetCompression }, compression) => {
    if (compression === 'none') return createParquetWriter(parquetCompression);
    throw new SluiceError(
      'CONFIG_INVALID',
      `A Parquet file is packed within, not as a whole (${compression}): give it a name that ends in .parquet.`,
    );
  },
};
