import type { JobDescription } from '../../description/parse-job.ts';

/** What one job of a server may take of its memory. */
export interface MemoryLimits {
  /** Bytes of one record. */
  readonly recordBytes: number;
  readonly columns: number;
  /** Bytes of the requests to a prediction server that are under way at once. */
  readonly inFlightBytes: number;
}

const MIB = 1024 * 1024;

/** A job whose settings stay within the limits: what was asked for beyond them is made less. */
export function withinMemory(
  job: JobDescription,
  { recordBytes, columns, inFlightBytes }: MemoryLimits,
): JobDescription {
  const { csvSettings, numConcurrent, chunkSize, outputSettings: output } = job;
  const requestBytes = typeof chunkSize === 'number' ? chunkSize : chunkSize === 'fixed' ? 5 * MIB : MIB;
  const most = Math.max(1, Math.floor(inFlightBytes / requestBytes));
  return {
    ...job,
    csvSettings: {
      ...csvSettings,
      maxRecordBytes: Math.min(csvSettings.maxRecordBytes, recordBytes),
      maxColumns: Math.min(csvSettings.maxColumns, columns),
    },
    numConcurrent: Math.min(numConcurrent, most),
    // Parts of an upload are put together in memory.
    outputSettings: output.type === 's3' ? { ...output, partBytes: Math.min(output.partBytes, 64 * MIB) } : output,
  };
}
