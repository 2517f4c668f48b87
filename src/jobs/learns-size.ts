import { compressionOf } from '../codecs/compression.ts';
import type { JobDescription } from './description/parse-job.ts';
import { occludes } from './explanations/occlusion-of.ts';
import { outputFormat } from './formats-of-job.ts';

/**
 * Whether the batches of a job with `chunkSize: auto` may follow the server: in one process, where no byte of the output depends on where
 * they end. Packed outputs close their members, blocks and row groups at the end of a batch, and a job over topics is continued by
 * cutting the same batches again. With copies of rows among the requests their speed would say nothing of the rows.
 */
export function learnsSize(job: JobDescription): boolean {
  const { chunkSize, engine, outputSettings: output } = job;
  if (chunkSize !== 'auto' || engine !== 'direct' || output.type === 'kafka' || occludes(job)) return false;
  if (output.type === 'jdbc') return true;
  if (output.type !== 'http' && output.partitionColumns.length > 0) return false;
  const name = output.type === 'localFile' ? output.path : output.type === 's3' ? output.url : output.name;
  const format = outputFormat(output, name);
  const isPacked = format === 'avro' || format === 'parquet';
  return !isPacked && (output.compression === 'auto' ? compressionOf(name) : output.compression) === 'none';
}
