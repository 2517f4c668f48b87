import { SluiceError } from '../../core/error.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { topicsOf } from '../description/topic-names.ts';
import type { TopicIntake } from './open-topics.ts';

/** A live job as a replay of what is in its topics now, for those who only look; any other job as it is. */
export async function boundedIntake(job: JobDescription, cluster: KafkaClient | null): Promise<JobDescription> {
  const { intakeSettings: intake } = job;
  if (intake.type !== 'kafka' || cluster === null) return job;
  const { topic: _topic, topics: _topics, topicPattern: _pattern, ...rest } = intake;
  const settings: TopicIntake = {
    ...rest,
    topics: [...(await namesOf(intake, cluster))],
    until: intake.until ?? 'end',
  };
  return { ...job, intakeSettings: settings };
}

async function namesOf(intake: TopicIntake, cluster: KafkaClient): Promise<readonly string[]> {
  const topics = topicsOf(intake);
  if (!(topics instanceof RegExp)) return topics;
  const found = (await cluster.topics.list()).filter((name) => topics.test(name));
  if (found.length > 0) return found;
  throw new SluiceError(
    'KAFKA_TOPIC_MISSING',
    `no topic matches intakeSettings.topicPattern ${intake.topicPattern ?? ''} yet; create one, or correct the pattern`,
  );
}
