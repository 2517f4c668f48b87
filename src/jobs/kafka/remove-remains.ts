import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { jobTopics } from '../../links/kafka/job/job-topics.ts';

export interface RemainsOptions {
  readonly client: KafkaClient;
  readonly clock: Clock;
  /** The job's name on the cluster. It is announced as stopped, so that workers leave it. */
  readonly name: string;
  /** After so long without a sign of life a member of the job's group is gone. */
  readonly sessionMs: number;
}

const LOOK_EVERY_MS = 200;
/** Members may have longer sessions than this process, and finish a batch first. */
const PATIENCE_MS = 60_000;

/**
 * Removes the topics and the group that an earlier run of a job left on the cluster, when all members of the group have left: one
 * that stayed would go on in the middle of the new topics. Throws KAFKA_FAULT, with everything as it was, when some do not leave.
 */
export async function removeRemains(
  { client, clock, name, sessionMs }: RemainsOptions,
  signal: AbortSignal,
): Promise<void> {
  const { rows, scored, group } = jobTopics(name);
  const patienceMs = PATIENCE_MS + 2 * sessionMs;
  const until = clock.now() + patienceMs;
  for (;;) {
    const members = await client.topics.members(group);
    if (members === 0) break;
    if (clock.now() >= until)
      throw new SluiceError(
        'KAFKA_FAULT',
        `the job ${name} cannot begin anew: its group ${group} still has ${members} members after ${patienceMs / 1000} s; ` +
          'stop whatever else runs the job or scores for it, and run it again',
      );
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
  await client.topics.remove([rows, scored]);
  await client.topics.removeGroups([group]);
}
