import { resolve } from 'node:path';
import { readLedger } from '../../../connectors/file/file-ledger.ts';
import { outputPaths } from '../../../connectors/file/output-paths.ts';
import { ROWS_UNDER_WAY } from '../../codecs/partitions/partitioned-sink.ts';
import { messageOf } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import { assertSameJob, type Ledger } from '../../core/ledger.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { jobIdentity } from '../job-identity.ts';
import { isLive } from '../kafka/open-topics.ts';
import { isPartitioned } from '../partitioned-output.ts';

/** What a run would find of an earlier one. */
export interface Continuation {
  /** `unknown`: only a run can tell, as looking would take the output. */
  readonly state: 'anew' | 'continues' | 'refused' | 'unknown';
  readonly says: string;
  /** Rows that are done; 0 when none. */
  readonly rows: number;
}

/** Looks at the output for an interrupted run, without taking it. */
export async function continuationOf(job: JobDescription, intake: Json): Promise<Continuation> {
  const { outputSettings: output } = job;
  if (isLive(job)) return { state: 'continues', says: 'where the consumer group has committed', rows: 0 };
  if (output.type !== 'localFile')
    return { state: 'unknown', says: 'an interrupted run is found when the job begins', rows: 0 };
  if (output.path === '-') return { state: 'anew', says: 'standard output cannot be continued', rows: 0 };
  // Until it is whole, the rows of an output that is divided are one file.
  const found = isPartitioned(output)
    ? await readLedger(outputPaths(resolve(output.path, ROWS_UNDER_WAY), null))
    : await readLedger(outputPaths(resolve(output.path), job.deadLetters.path));
  if (found === null) return { state: 'anew', says: 'there is no interrupted run', rows: 0 };
  const ledger = found.note as unknown as Ledger | null;
  if (ledger === null) return { state: 'anew', says: 'the interrupted run has made nothing durable', rows: 0 };
  const { read } = ledger.tally;
  try {
    assertSameJob(ledger.job, jobIdentity(job, intake), output.path);
  } catch (error) {
    return { state: 'refused', says: messageOf(error), rows: read };
  }
  return { state: 'continues', says: `behind ${read} rows of an interrupted run`, rows: read };
}
