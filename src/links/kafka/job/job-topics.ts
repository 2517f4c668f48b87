import type { TopicSettings } from '../client.ts';

/** What a job uses of a cluster. */
export interface JobTopics {
  readonly rows: string;
  readonly scored: string;
  /** The consumer group of its score stage. */
  readonly group: string;
}

/** @param job the job's name on the cluster. */
export function jobTopics(job: string): JobTopics {
  return { rows: `sluice.${job}.rows`, scored: `sluice.${job}.scored`, group: `sluice.${job}.score` };
}

/** The name of the job that a topic holds the rows of; null for one of another name. */
export function jobOfRows(topic: string): string | null {
  return /^sluice\.(.+)\.rows$/.exec(topic)?.[1] ?? null;
}

/** The name of the job that a topic belongs to; null for one of another name. */
export function jobOfTopic(topic: string): string | null {
  return /^sluice\.(.+)\.(?:rows|scored)$/.exec(topic)?.[1] ?? null;
}

/** Kept until the job removes them: a job may take longer than a cluster keeps records. */
export function jobTopicSettings(name: string, partitions: number, replicationFactor: number | null): TopicSettings {
  return { name, partitions, replicationFactor, config: { 'retention.ms': '-1', 'retention.bytes': '-1' } };
}
