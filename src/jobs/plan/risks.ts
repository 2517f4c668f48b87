import type { JobDescription } from '../description/parse-job.ts';
import { isLive } from '../kafka/open-topics.ts';
import { byteText } from './byte-text.ts';
import type { Estimate } from './intake-estimate.ts';

/** What is known when risks are looked for. */
export interface RiskFacts {
  readonly columns: number;
  /** Bytes of a row as CSV; null when no row was seen. */
  readonly rowBytes: number | null;
  readonly largestRow: number;
  /** Bytes of one request. */
  readonly requestBytes: number;
  /** Partitions of the topics that are read; null for other intakes. */
  readonly partitions: number | null;
  readonly outputBytes: Estimate | null;
  /** In the folder of the output; null when it is not on this machine. */
  readonly freeBytes: number | null;
  /** Shares of bad records in the sample. */
  readonly rejected: number;
  readonly rows: number;
}

/** A setting that may cost more than it seems. */
export interface Risk {
  /** The field of the job. */
  readonly setting: string;
  /** What may happen, and what to do. One line. */
  readonly says: string;
}

type Rule = (job: JobDescription, facts: RiskFacts) => string | null;

const WIDE_COLUMNS = 50;
const WIDE_BYTES = 2_000;
/** What DataRobot's prediction servers and most proxies before one take in a request. */
const USUAL_LIMIT = 50_000_000;
const LARGE_REQUEST = 10_000_000;

const rules: readonly (readonly [setting: string, rule: Rule])[] = [
  [
    'passthroughColumnsSet',
    ({ passthroughColumnsSet }, { columns, rowBytes }) =>
      passthroughColumnsSet === 'all' && (columns > WIDE_COLUMNS || (rowBytes ?? 0) > WIDE_BYTES)
        ? `all ${columns} columns (${byteText(rowBytes ?? 0)} a row) are written again; name those that are needed in passthroughColumns`
        : null,
  ],
  [
    'deployment.associationId',
    ({ deployment, passthroughColumns, passthroughColumnsSet }) =>
      deployment.associationId === null && passthroughColumns.length === 0 && passthroughColumnsSet === null
        ? 'no association ID and no passthrough column: scored rows can be told from each other by their place only'
        : deployment.associationId === null
          ? 'no association ID: actual values cannot be joined to the predictions later'
          : null,
  ],
  [
    'chunkSize',
    ({ chunkSize }, { requestBytes, largestRow }) =>
      Math.max(requestBytes, largestRow) > USUAL_LIMIT
        ? `requests of ${byteText(Math.max(requestBytes, largestRow))} are more than prediction servers take (50 MB); lower it`
        : requestBytes >= LARGE_REQUEST
          ? `requests of ${byteText(requestBytes)} are refused by many servers and proxies; each refusal costs a second try with halves`
          : chunkSize === 'dynamic'
            ? 'follows the server, so that a second run cuts other batches; a continued one keeps its rows all the same'
            : null,
  ],
  [
    'numConcurrent',
    (job, { partitions }) => {
      if (partitions === null || !isLive(job)) return null;
      const ceiling = partitions * job.inFlightPerPartition;
      return job.numConcurrent > ceiling
        ? `${partitions} partitions with ${job.inFlightPerPartition} requests each allow ${ceiling} at once, not ${job.numConcurrent}; raise inFlightPerPartition`
        : null;
    },
  ],
  [
    'serverShare',
    ({ limiter, serverShare: { priority, maxShare } }) =>
      limiter === 'fixed' && (priority === 'live' || maxShare < 1)
        ? 'with limiter: fixed the job takes no part in what jobs share of a server: it neither goes first nor leaves anything; take limiter: auto'
        : null,
  ],
  [
    'outputSettings.delivery',
    ({ outputSettings: output }) =>
      output.type === 'kafka' && output.delivery === 'atLeastOnce'
        ? 'rows may be written again after a crash; exactlyOnce writes them once'
        : null,
  ],
  [
    'abortOnError',
    ({ abortOnError }) =>
      abortOnError ? null : 'the job goes on however many rows fail; a wrong column makes every row a dead letter',
  ],
  [
    'deadLetters',
    ({ abortOnError, deadLetters }) =>
      abortOnError && deadLetters.maxShare >= 1
        ? 'maxShare: 1 ends the job for its share of bad rows only where a window of them is (windowRows)'
        : null,
  ],
  [
    'disableRowLevelErrorHandling',
    ({ disableRowLevelErrorHandling }) =>
      disableRowLevelErrorHandling ? 'one bad row fails its whole request, and all of its rows are dead letters' : null,
  ],
  [
    'deployment.rowWitness',
    ({ deployment }) =>
      deployment.rowWitness ? null : 'replies are matched to rows by their number only; a shuffled one is not noticed',
  ],
  [
    'deployment.insecure',
    ({ deployment }) => (deployment.insecure ? 'any certificate is accepted, that of an impostor too' : null),
  ],
  [
    'deployment.server',
    ({ deployment: { server, token } }) =>
      token !== null && server.startsWith('http://') && !/^http:\/\/(localhost|127\.|\[::1\])/.test(server)
        ? 'the token goes over the network unencrypted; use https'
        : null,
  ],
  [
    'outputSettings',
    ({ outputSettings: output }, { outputBytes, freeBytes }) => {
      if (output.type === 'localFile' && output.path === '-')
        return 'standard output cannot be continued after a crash, and has no manifest';
      return outputBytes !== null && freeBytes !== null && outputBytes.most > 0.9 * freeBytes
        ? `the output may take ${byteText(outputBytes.most)}, and ${byteText(freeBytes)} are free; free some, or write elsewhere`
        : null;
    },
  ],
  [
    'csvSettings.raggedRows',
    (_, { rejected, rows }) =>
      rejected > 0 ? `${rejected} of the first ${rows + rejected} records are no rows and will be skipped` : null,
  ],
];

/** The settings of a job that may cost more than they seem, in the order of the description. */
export function risksOf(job: JobDescription, facts: RiskFacts): readonly Risk[] {
  return rules.flatMap(([setting, rule]) => {
    const says = rule(job, facts);
    return says === null ? [] : [{ setting, says }];
  });
}
