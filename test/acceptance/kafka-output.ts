import { fork } from 'node:child_process';
import { join } from 'node:path';
import { decodeRecord } from '../../src/core/canonical-csv.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Envelope } from '../../src/core/envelope.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { JobIdentity } from '../../src/core/ledger.ts';
import type { Sink } from '../../src/core/sink.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { rangeMessages } from '../../src/links/kafka/live/topic-range-messages.ts';
import { decodeSinkLedger, type SinkLedger } from '../../src/links/kafka/topic-sink/sink-ledger.ts';
import { createTopicSink } from '../../src/links/kafka/topic-sink/topic-sink.ts';
import {
  type DyingMoment,
  type DyingSinkPlace,
  type OpenSinkPlace,
  type PublishedLetter,
  type PublishedOutput,
  SinkPlan,
  type SinkPlanSize,
} from '../../src/testing.ts';
import { endings, killEvery } from '../support/effort.ts';
import { endOfRun } from '../support/end-of-run.ts';
import { until } from '../support/until.ts';
import type { OpenOutputs } from './file-output.ts';
import { freshTopic, jsonReader, jsonWriter, type KafkaPlace, kafkaClient } from './kafka-place.ts';

const CHILD = join(import.meta.dirname, 'killed-topic-sink-child.ts');
const KILLED = { batches: 4, rowsPerBatch: 20, padding: 0 };
const never = new AbortController().signal;

/** Where one output goes. */
export interface TopicOutputPlace extends KafkaPlace {
  readonly topic: string;
  readonly letters: string;
  readonly ledgers: string;
}

/** The sink of a topic over a client, which is closed with it. */
export function topicSink(place: TopicOutputPlace, client: KafkaClient, overwrite: boolean): Sink {
  const sink = createTopicSink({
    client,
    topic: place.topic,
    deadLetterTopic: place.letters,
    messages: jsonWriter(),
    keyColumn: null,
    exactlyOnce: true,
    overwrite,
    compression: 'none',
    ledgerTopic: place.ledgers,
    replicationFactor: null,
    clock: systemClock,
  });
  const close = async (): Promise<void> => {
    await sink.close();
    await client.close();
  };
  return { ...sink, close, [Symbol.asyncDispose]: close };
}

/** Outputs that are a topic each, of one partition, so that it has an order. */
export function topicOutputs(place: KafkaPlace): OpenOutputs {
  return {
    plan: new SinkPlan({ batches: 5, rowsPerBatch: 30, padding: 10 }),
    killed: { plan: new SinkPlan(KILLED), every: killEvery(5) },
    endings,
    place: () => topicPlace(place),
  };
}

async function topicPlace(kafka: KafkaPlace): Promise<DyingSinkPlace & OpenSinkPlace> {
  const client = kafkaClient(kafka);
  const [topic, letters, ledgers] = [
    await freshTopic(client, 1),
    await freshTopic(client, 1),
    await freshTopic(client, 1),
  ];
  const place: TopicOutputPlace = { ...kafka, topic, letters, ledgers };
  // What a run has published is seen by readers of committed records a moment later: only then it is waited for.
  let finished = false;
  const knowing = (sink: Sink): Sink => ({
    ...sink,
    open: async (job, signal) => {
      try {
        return await sink.open(job, signal);
      } catch (error) {
        finished ||= findSluiceError(error)?.code === 'OUTPUT_EXISTS';
        throw error;
      }
    },
    publish: async (facts, schema, signal) => {
      const manifest = await sink.publish(facts, schema, signal);
      finished = true;
      return manifest;
    },
  });
  return {
    sink: ({ overwrite }) => knowing(topicSink(place, kafkaClient(kafka), overwrite)),
    published: () => readOutput(client, place, () => finished),
    // Everything in a topic is there for good.
    leftovers: async () => [],
    spoil: async () => {
      throw new Error('nobody can change what is in a topic');
    },
    killedRun: async (size, operation) => {
      const outcome = await killedRun(place, size, operation);
      finished ||= outcome === 'finished';
      return outcome;
    },
    diedRun: async (moment) => {
      if ((await killedRun(place, KILLED, moment)) !== 'killed') throw new Error('the run did not die');
    },
    secrets: [kafka.password],
    contents: async () => {
      const texts: string[] = [];
      for (const name of [topic, letters, ledgers])
        for (const { key, value, headers } of await messagesOf(client, name))
          texts.push([key, value, ...headers.map((header) => header.value)].map((part) => text(part)).join('\n'));
      return texts;
    },
    close: () => client.close(),
  };
}

async function killedRun(
  place: TopicOutputPlace,
  size: SinkPlanSize,
  operation: number | DyingMoment,
): Promise<'killed' | 'finished'> {
  return await endOfRun(
    fork(CHILD, [JSON.stringify(place), JSON.stringify(size), String(operation)], { stdio: 'inherit' }),
  );
}

/** Finished is an output whose last ledger has a manifest. Its topics are called by their roles, as each place has others. */
async function readOutput(
  client: KafkaClient,
  place: TopicOutputPlace,
  isFinished: () => boolean,
): Promise<PublishedOutput | null> {
  const look = async (): Promise<SinkLedger['manifest']> => {
    const ledgers = (await messagesOf(client, place.ledgers)).filter(({ key }) => !text(key).endsWith('/mark'));
    const last = ledgers.at(-1);
    return last === undefined ? null : decodeSinkLedger(last).manifest;
  };
  let found = await look();
  if (found === null && !isFinished()) return null;
  await until(
    async () => (found ??= await look()) !== null,
    () => 'the manifest is not there',
  );
  if (found === null) return null;
  const counts = new Map(found.objects.map(({ role, records }) => [role, records]));
  let messages: readonly Envelope[] = [];
  let letters: readonly Envelope[] = [];
  await until(
    async () => {
      [messages, letters] = [await messagesOf(client, place.topic), await messagesOf(client, place.letters)];
      return messages.length >= counts.get('rows')! && letters.length >= (counts.get('deadLetters') ?? 0);
    },
    () => `there are ${messages.length} rows and ${letters.length} dead letters of ${JSON.stringify(found?.objects)}`,
  );
  const { runs } = await jsonReader().read(messages, never);
  const job: JobIdentity = new SinkPlan({ batches: 0, rowsPerBatch: 1, padding: 0 }).job;
  return {
    columns: found.columns,
    records: runs.flatMap(({ bytes, ends }) =>
      Array.from(ends, (end, row) => decodeRecord(bytes, row === 0 ? 0 : ends[row - 1]!, end)),
    ),
    deadLetters: letters.map(letterOf),
    manifest: { ...found, job, objects: found.objects.map((object) => ({ ...object, name: object.role })) },
  };
}

function letterOf({ value, headers }: Envelope): PublishedLetter {
  const header = (name: string): string | null => {
    const found = headers.find((each) => each.name === `sluice-${name}`);
    return found === undefined ? null : text(found.value);
  };
  const number = (name: string): number | null => (header(name) === null ? null : Number(header(name)));
  return {
    kind: header('kind') === 'failed' ? 'failed' : 'skipped',
    split: header('split') ?? '',
    row: number('row'),
    line: number('line'),
    reason: header('error') ?? '',
    attempts: number('attempts') ?? 0,
    bytes: text(value),
  };
}

async function messagesOf(client: KafkaClient, topic: string): Promise<readonly Envelope[]> {
  const found: Envelope[] = [];
  const [range] = await client.topics.ranges(topic);
  const whole = { topic, partition: 0, from: range!.start, until: range!.end };
  for await (const messages of rangeMessages(client, whole, 1 << 24, never)) found.push(...messages);
  return found;
}

function text(bytes: Uint8Array | null): string {
  return Buffer.from(bytes ?? []).toString();
}
