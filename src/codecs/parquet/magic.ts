/** What a file begins and ends with (https://parquet.apache.org/docs/file-format/). */
export const MAGIC = Buffer.from('PAR1');
