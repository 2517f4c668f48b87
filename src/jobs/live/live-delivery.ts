import type { LinkWriter } from '../../core/link.ts';
import { addStatistics } from '../../core/merge-statistics.ts';
import { addTally, EMPTY_TALLY, type ScoredBatch, type Tally } from '../../core/scored-batch.ts';
import type { Statistics } from '../../core/statistics.ts';
import type { FailureBudget } from '../../stages/failure-budget.ts';

/**
 * Counts what a live job hands on, in this process, and ends the job when the failure budget says so: after the batch was handed
 * on, so that its dead letters say why.
 */
export function withFailureBudget(
  writer: LinkWriter<ScoredBatch>,
  failures: FailureBudget,
  onDelivered: (tally: Tally, statistics: Statistics | undefined) => void,
): LinkWriter<ScoredBatch> {
  let tally = EMPTY_TALLY;
  let badBytes = 0;
  let statistics: Statistics | undefined;
  return {
    begin: (partition, from, signal) => writer.begin(partition, from, signal),
    durable: (partition) => writer.durable(partition),
    end: (partition, signal) => writer.end(partition, signal),
    async append(partition, record, signal) {
      await writer.append(partition, record, signal);
      if (record.kind === 'end') return;
      tally = addTally(tally, record.value.tally);
      badBytes += record.value.badBytes;
      statistics = addStatistics(statistics, record.value.statistics);
      onDelivered(tally, statistics);
      failures.check(record.value, tally, badBytes);
    },
  };
}
