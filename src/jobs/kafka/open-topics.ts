import { createMessageReader, createMessageWriter } from '../../codecs/messages/message-formats.ts';
import type { RegistryAuth } from '../../codecs/messages/registry/registry-settings.ts';
import { SchemaRegistry } from '../../codecs/messages/registry/schema-registry.ts';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { MessageReader, MessageWriter } from '../../core/message-format.ts';
import type { Sink } from '../../core/sink.ts';
import type { Source } from '../../core/source.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { jobOfRows } from '../../links/kafka/job/job-topics.ts';
import { createRowsSource } from '../../links/kafka/job/rows-source.ts';
import type { PartitionOffsets, TopicEnd, TopicStart } from '../../links/kafka/live/topic-range.ts';
import { createTopicSource, type RangesMemory } from '../../links/kafka/live/topic-source.ts';
import { createTopicSink } from '../../links/kafka/topic-sink/topic-sink.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { deadLetterTopicOf, topicsOf } from '../description/topic-names.ts';
import { copiedColumns } from '../scoring-settings.ts';
import { Announcements } from './announcements.ts';
import { clusterOf } from './cluster.ts';
import { letterMarkOf } from './letter-mark.ts';
import { ReplayRanges } from './replay-ranges.ts';

/** What topics are opened with. */
export interface TopicPorts {
  readonly clock: Clock;
  /** Begin anew, whatever an earlier run left. */
  readonly overwrite: boolean;
  /** Nothing is kept for a continuation: the intake is only looked at. */
  readonly keepsNothing?: true;
}

export type TopicIntake = Extract<JobDescription['intakeSettings'], { readonly type: 'kafka' }>;
export type TopicOutput = Extract<JobDescription['outputSettings'], { readonly type: 'kafka' }>;

/** A registry that is away longer makes the partition wait, and say so. */
const REGISTRY_RETRY_MS = 10_000;

/** Whether a job runs until it is stopped. */
export function isLive(job: JobDescription): boolean {
  return job.intakeSettings.type === 'kafka' && job.intakeSettings.until === null;
}

/** A bounded read of topics; of the rows of an earlier job, where the format says so. */
export function openReplay(job: JobDescription, intake: TopicIntake, client: KafkaClient, ports: TopicPorts): Source {
  const { clock } = ports;
  const topics = topicsOf(intake);
  if (topics instanceof RegExp)
    throw new SluiceError(
      'CONFIG_INVALID',
      'intakeSettings.topicPattern: a replay needs its topics by name; give topic or topics',
    );
  if (intake.format === 'sluice') {
    const topic = topics[0]!;
    const epoch = (signal: AbortSignal): Promise<string | undefined> => epochOf(topic, client, job, signal);
    return createRowsSource({ client, topic, clock, epoch });
  }
  const { until } = intake;
  if (until === null) throw new SluiceError('CONTRACT_BROKEN', 'a live topic is no source with an end');
  return createTopicSource({
    client,
    topics,
    from: startOf(intake),
    until: endOf(until, topics, clock),
    memory: isMoving(intake) && ports.keepsNothing !== true ? rangesMemory(job, client, ports.overwrite) : null,
    messages: messageReaders(job, intake, clock),
    clock,
  });
}

/** Of a job that kept its topics the cluster knows which of its beginnings they are from. */
async function epochOf(
  topic: string,
  client: KafkaClient,
  job: JobDescription,
  signal: AbortSignal,
): Promise<string | undefined> {
  const name = jobOfRows(topic);
  if (name === null) return undefined;
  const announcements = await Announcements.open(client, clusterOf(job));
  return (await announcements.find(name, signal))?.epoch;
}

/** Whether the same settings mean other messages on another day. */
function isMoving({ from, until }: TopicIntake): boolean {
  return typeof from === 'string' || typeof until === 'string';
}

function rangesMemory(job: JobDescription, client: KafkaClient, anew: boolean): RangesMemory {
  const { intakeSettings, outputSettings } = job;
  // Secrets print as `[redacted]`: they are not part of what is replayed.
  const replay = JSON.parse(JSON.stringify({ intakeSettings, outputSettings })) as Json;
  let opened: Promise<ReplayRanges> | undefined;
  const memory = (): Promise<ReplayRanges> =>
    (opened ??= ReplayRanges.open(client, clusterOf(job).replicationFactor, replay, anew));
  return {
    find: async (signal) => (await memory()).find(signal),
    keep: async (ranges, signal) => (await memory()).keep(ranges, signal),
    forget: async (signal) => (await memory()).forget(signal),
  };
}

/** The sink of a bounded job that writes a topic. */
export function openTopicSink(
  job: JobDescription,
  output: TopicOutput,
  client: KafkaClient,
  { clock, overwrite }: TopicPorts,
): Sink {
  const { compression, replicationFactor } = clusterOf(job);
  const sink = createTopicSink({
    client,
    topic: output.topic,
    deadLetterTopic: deadLetterTopicOf(output),
    letterJob: letterMarkOf(job).job,
    messages: messageWriter(output, clock),
    keyColumn: output.keyColumn,
    exactlyOnce: output.delivery === 'exactlyOnce',
    overwrite,
    compression,
    replicationFactor,
    clock,
  });
  return {
    ...sink,
    // The topic of dead letters need not be there yet: it is made when the output is opened.
    check: async () => void (await partitionsOfOutput(client, output)),
    open: async (identity, signal) => {
      await ensureDeadLetterTopic(client, output, replicationFactor);
      return sink.open(identity, signal);
    },
  };
}

/** What a broker takes in one request, unless it is told otherwise: a letter holds all of its message, however large the intake lets it be. */
const LARGEST_LETTER = 100 * 1024 * 1024;

/** Makes the topic of dead letters, with as many partitions as the output's, unless it is there. */
export async function ensureDeadLetterTopic(
  client: KafkaClient,
  output: TopicOutput,
  replicationFactor: number | null,
): Promise<void> {
  const partitions = await partitionsOfOutput(client, output);
  const settings = { name: deadLetterTopicOf(output), partitions, replicationFactor };
  try {
    await client.topics.create({ ...settings, config: { 'max.message.bytes': String(LARGEST_LETTER) } });
  } catch {
    // A cluster may allow no topic as much. Then a letter that is too large ends the job, which says so.
    await client.topics.create({ ...settings, config: {} });
  }
}

async function partitionsOfOutput(client: KafkaClient, { topic }: TopicOutput): Promise<number> {
  const partitions = await client.topics.partitions(topic);
  if (partitions !== null) return partitions;
  throw new SluiceError(
    'KAFKA_TOPIC_MISSING',
    `outputSettings.topic: there is no topic ${topic}; create it, with the partitions that you want`,
  );
}

/** Where partitions begin for which nothing is committed. */
export function startOf(intake: TopicIntake): TopicStart {
  const { from } = intake;
  if (from === 'earliest' || from === 'latest') return from;
  if (typeof from === 'string') return { timestamp: Date.parse(from) };
  return { offsets: offsetsOf(from, topicsOf(intake)) };
}

/** Where a replay ends. */
function endOf(until: NonNullable<TopicIntake['until']>, topics: readonly string[], clock: Clock): TopicEnd {
  if (until === 'end') return 'end';
  if (typeof until !== 'string') return { offsets: offsetsOf(until, topics) };
  const timestamp = Date.parse(until);
  if (timestamp <= clock.wall()) return { timestamp };
  throw new SluiceError(
    'CONFIG_INVALID',
    `intakeSettings.until: ${until} is yet to come, and messages until then are not there; give end for those that are, or run the job when that time has passed`,
  );
}

function offsetsOf(offsets: Readonly<Record<string, number>>, topics: readonly string[] | RegExp): PartitionOffsets {
  if (topics instanceof RegExp || topics.length !== 1)
    throw new SluiceError('CONFIG_INVALID', 'intakeSettings: offsets by partition need one topic; give a time instead');
  return {
    [topics[0]!]: Object.fromEntries(Object.entries(offsets).map(([partition, offset]) => [Number(partition), offset])),
  };
}

/** Makes a reader per partition; they share the registry's answers. */
export function messageReaders(job: JobDescription, intake: TopicIntake, clock: Clock): () => MessageReader {
  const { format, columns } = intake;
  const expected = copiedColumns(job);
  const ports = { clock, registry: registryOf(intake.registry, clock) };
  return () => createMessageReader({ format, columns, expected }, ports);
}

/** The writer of an output's messages. */
export function messageWriter(output: TopicOutput, clock: Clock): MessageWriter {
  const subject = output.subject ?? `${output.topic}-value`;
  return createMessageWriter(
    { format: output.format, subject, schemaId: output.schemaId },
    { clock, registry: registryOf(output.registry, clock) },
  );
}

/** The registry that an intake or output names. */
export function registryOf(settings: TopicIntake['registry'], clock: Clock): SchemaRegistry | null {
  if (settings === null) return null;
  const { url, ...access } = settings;
  return new SchemaRegistry(
    { urls: [url], auth: authOf(access), retryMs: REGISTRY_RETRY_MS, timeoutMs: 10_000 },
    clock,
  );
}

function authOf({ username, password, token }: Omit<NonNullable<TopicIntake['registry']>, 'url'>): RegistryAuth | null {
  if (token !== null) return { kind: 'bearer', token: async () => token.reveal() };
  return username === null ? null : { kind: 'basic', username, password: () => password?.reveal() ?? '' };
}
