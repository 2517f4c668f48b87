import type { LinkReader, PartitionLease } from '../../core/link.ts';

/**
 * The leases of a job for as long as it runs. A worker that lost partitions may have stood still until after the end of the job: then
 * nobody is in its group, whose offsets are gone, and all rows would be scored once more, into a topic that was kept.
 * @param runs asks whether the job still runs.
 */
export function leasesOfRunningJob<T>(
  reader: LinkReader<T>,
  runs: (signal: AbortSignal) => Promise<boolean>,
): LinkReader<T> {
  return {
    async *leases(signal) {
      let given: PartitionLease<T>[] = [];
      for await (const lease of reader.leases(signal)) {
        if (given.some(({ lost }) => lost.aborted)) {
          if (!(await runs(signal))) {
            await lease[Symbol.asyncDispose]();
            continue;
          }
          given = [];
        }
        given.push(lease);
        yield lease;
      }
    },
  };
}
