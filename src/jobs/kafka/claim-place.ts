import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import { assertSameJob, type JobIdentity } from '../../core/ledger.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { jobTopicSettings, jobTopics } from '../../links/kafka/job/job-topics.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { type Announcement, type Announcements, announcedJob } from './announcements.ts';
import type { ClusterSettings } from './cluster.ts';
import { missingTopics } from './missing-topics.ts';
import { removeRemains } from './remove-remains.ts';

export interface PlaceOptions {
  readonly client: KafkaClient;
  readonly settings: ClusterSettings;
  readonly job: JobDescription;
  readonly identity: JobIdentity;
  readonly model: ModelIdentity | null;
  /** Throws away what an earlier run left on the cluster. */
  readonly overwrite: boolean;
  /** Partitions that a new job gets. */
  readonly partitions: number;
}

/**
 * Makes the topics of a job, or finds those that an earlier run left, and gives what is to be announced once the job runs. Throws
 * LEDGER_OTHER_JOB when they belong to another job, or to nobody knows which.
 */
export async function claimPlace(
  options: PlaceOptions,
  announcements: Announcements,
  clock: Clock,
  signal: AbortSignal,
): Promise<Announcement> {
  const { client, settings, job, identity, model, overwrite } = options;
  const name = settings.job ?? nameOf(identity, job);
  const topics = jobTopics(name);
  const earlier = await announcements.find(name, signal);
  const missing = await missingTopics(client, name);
  if (!overwrite && earlier !== null) assertSameJob(earlier.identity, identity, `The job ${name} on the Kafka cluster`);
  if (!overwrite && earlier === null && missing.length === 0)
    throw new SluiceError(
      'LEDGER_OTHER_JOB',
      `the topics ${topics.rows} and ${topics.scored} are on the Kafka cluster, and nothing says which job they belong to; begin anew with --overwrite, or choose another name (kafka.job)`,
    );
  // The group's offsets say that rows are scored: without the scored topic that is no longer so, and both begin anew.
  const anew = overwrite || missing.length > 0;
  const epoch = anew || earlier === null ? newMark(clock) : earlier.epoch;
  const found = anew ? null : await client.topics.partitions(topics.rows);
  const partitions = found ?? options.partitions;
  const announcement: Announcement = {
    v: 1,
    name,
    state: 'stopped',
    partitions,
    epoch,
    run: newMark(clock),
    identity,
    model,
    job: announcedJob(job),
    ...(job.deployment.guard === undefined ? {} : { targets: job.deployment.guard.targets }),
  };
  if (!anew) return announcement;
  // Before there are topics, so that there are none of which nobody knows whose they are. Workers of an earlier run leave.
  await announcements.announce(name, announcement, signal);
  if (earlier !== null || missing.length < 2)
    await removeRemains({ client, clock, name, sessionMs: 1000 * settings.sessionSeconds }, signal);
  for (const topic of [topics.rows, topics.scored])
    await client.topics.create(jobTopicSettings(topic, partitions, settings.replicationFactor));
  return announcement;
}

/** The same on every run of the same job into the same output, and on every machine. */
function nameOf(identity: JobIdentity, { outputSettings: output }: JobDescription): string {
  return createHash('sha256')
    .update(canonicalJson({ identity, place: placeOf(output) }))
    .digest('hex')
    .slice(0, 16);
}

function placeOf(output: JobDescription['outputSettings']): Json {
  if (output.type === 'localFile') return output.path;
  if (output.type === 's3') return output.url;
  if (output.type === 'http') return output.name;
  return output.type === 'jdbc' ? [output.catalog, output.schema, output.table] : output.topic;
}

function newMark(clock: Clock): string {
  return `${clock.wall().toString(36)}-${Math.floor(clock.random() * 36 ** 6).toString(36)}`;
}
