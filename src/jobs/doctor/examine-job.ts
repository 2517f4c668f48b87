import type { JobDescription } from '../description/parse-job.ts';
import { type ClusterSettings, openCluster } from '../kafka/cluster.ts';
import { examineCluster } from './examine-cluster.ts';
import { examineDisk } from './examine-disk.ts';
import { examineIntake, examineOutput } from './examine-ends.ts';
import type { ExamineOptions } from './examine-options.ts';
import { examineRegistries } from './examine-registries.ts';
import { examineServer } from './examine-server.ts';
import { type Finding, skipped } from './finding.ts';

/** Brokers that are away are told about soon: nobody waits for them here. */
const CLUSTER_RETRY_SECONDS = 3;

/**
 * Looks at everything that a job needs, at the same time: its intake and output, where its dead letters go, the prediction server, the
 * deployment and the token, Kafka, the schema registry, the disk. Reads little, writes nothing. Findings come in that order.
 */
export async function examineJob(job: JobDescription, options: ExamineOptions): Promise<readonly Finding[]> {
  const settings: ClusterSettings | null =
    job.kafka === null ? null : { ...job.kafka, retrySeconds: Math.min(job.kafka.retrySeconds, CLUSTER_RETRY_SECONDS) };
  await using cluster = settings === null ? null : await openCluster(settings, options.clock);
  const server = examineServer(job, options);
  const rest = [examineRegistries(job, options), examineDisk(job, options)];
  const brokers = cluster === null ? [] : await examineCluster(job, cluster, options);
  // Where no broker answers, no topic can be looked at, and one line about it is enough.
  const answering = brokers.every(({ status }) => status !== 'fails');
  const intake =
    answering || job.intakeSettings.type !== 'kafka' ? examineIntake(job, cluster, options) : silent('intake');
  const output =
    answering || job.outputSettings.type !== 'kafka'
      ? examineOutput(job, cluster, options)
      : silent('output', 'dead letters');
  const [ends, others] = [await Promise.all([intake, output]), await Promise.all([server, ...rest])];
  const [scoring, ...more] = others;
  return [...ends.flat(), ...(scoring ?? []), ...brokers, ...more.flat()];
}

function silent(...whats: readonly string[]): readonly Finding[] {
  return whats.map((what) => skipped(what, 'the brokers do not answer'));
}
