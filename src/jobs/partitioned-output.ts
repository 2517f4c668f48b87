import { PartitionKeys } from '../codecs/partitions/partition-keys.ts';
import type { PartitionedStore } from '../codecs/partitions/partitioned-options.ts';
import { createPartitionedSink } from '../codecs/partitions/partitioned-sink.ts';
import type { Clock } from '../core/clock.ts';
import type { Sink } from '../core/sink.ts';
import { nearestNames } from '../scoring/output/nearest-name.ts';
import type { JobDescription } from './description/parse-job.ts';
import { parquetCompressionOf } from './formats-of-job.ts';

type FolderOutput = Extract<JobDescription['outputSettings'], { readonly type: 'localFile' | 's3' }>;

/** Whether an output is a folder of files that are divided by columns. */
export function isPartitioned(output: JobDescription['outputSettings']): boolean {
  return 'partitionColumns' in output && output.partitionColumns.length > 0;
}

/** The sink of an output that is divided by columns. Throws CONFIG_INVALID. @param open a store, with the place for the dead letters or the usual one. */
export function openPartitionedSink(
  output: FolderOutput,
  prefix: string,
  open: (deadLetters: 'named' | 'usual') => PartitionedStore,
  { clock, overwrite }: { readonly clock: Clock; readonly overwrite: boolean },
): Sink {
  return createPartitionedSink({
    store: open('named'),
    spoolStore: open('usual'),
    prefix,
    partitionColumns: output.partitionColumns,
    ...dividingSettings(output),
    overwrite,
    clock,
  });
}

/** How the files of a folder are written, whoever writes them. */
export function dividingSettings({ compression }: Pick<FolderOutput, 'compression'>) {
  return { compression: parquetCompressionOf(compression), nearest: nearestNames };
}

/** Throws COLUMN_UNKNOWN when the output is to be divided by a column that it does not have. */
export function assertPartitionColumns({ outputSettings: output }: JobDescription, columns: readonly string[]): void {
  if (!('partitionColumns' in output) || output.partitionColumns.length === 0) return;
  const { partitionColumns } = output;
  PartitionKeys.assertColumns({ partitionColumns, columns, prefix: '', nearest: nearestNames });
}
