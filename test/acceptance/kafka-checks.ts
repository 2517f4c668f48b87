import type { CheckDriver } from '../../src/testing.ts';
import { freePort } from '../support/services/free-port.ts';
import { topicSink } from './kafka-output.ts';
import { freshTopic, type KafkaPlace, kafkaClient, send, topicSource } from './kafka-place.ts';

const WRONG_PASSWORD = 'an open secret';

/** What can be wrong with a topic that is read. */
export async function topicIntakeFaults(place: KafkaPlace): Promise<CheckDriver> {
  const { topic, nowhere, impostor, ...rest } = await faulty(place);
  const client = kafkaClient(place);
  const csv = await freshTopic(client, 1);
  await send(client, csv, 0, ['1,2', '3,4']);
  await client.close();
  return {
    ...rest,
    sound: () => topicSource(place, topic),
    faults: {
      'a wrong address': {
        part: () => topicSource(nowhere, topic, { retryMs: 100 }),
        code: 'KAFKA_UNREACHABLE',
        says: /check that the brokers run and that kafka\.brokers names them/,
      },
      'a wrong password': {
        part: () => topicSource(impostor, topic),
        code: 'KAFKA_ACCESS',
        says: /check kafka\.sasl/,
      },
      'a missing topic': {
        part: () => topicSource(place, 'acceptance-no-such-topic'),
        code: 'KAFKA_TOPIC_MISSING',
        says: /no topic acceptance-no-such-topic; create it/,
      },
      'messages of another format': {
        part: () => topicSource(place, csv),
        code: 'INTAKE_UNREADABLE',
        says: /none of the first 2 messages .*intakeSettings\.format/,
      },
    },
  };
}

/** What can be wrong with a topic that is written. */
export async function topicOutputFaults(place: KafkaPlace): Promise<CheckDriver> {
  const { topic, nowhere, impostor, ...rest } = await faulty(place);
  const sink = (kafka: KafkaPlace, name: string, retryMs = 30_000) =>
    topicSink({ ...kafka, topic: name, letters: topic, ledgers: topic }, kafkaClient(kafka, { retryMs }), false);
  return {
    ...rest,
    sound: () => sink(place, topic),
    faults: {
      'a wrong address': {
        part: () => sink(nowhere, topic, 100),
        code: 'KAFKA_UNREACHABLE',
        says: /check that the brokers run and that kafka\.brokers names them/,
      },
      'a wrong password': { part: () => sink(impostor, topic), code: 'KAFKA_ACCESS', says: /check kafka\.sasl/ },
      'a missing topic': {
        part: () => sink(place, 'acceptance-no-such-topic'),
        code: 'KAFKA_TOPIC_MISSING',
        says: /no topic acceptance-no-such-topic to write to; create it/,
      },
    },
  };
}

async function faulty(
  place: KafkaPlace,
): Promise<
  Pick<CheckDriver, 'secrets' | 'contents' | 'close'> &
    Readonly<{ topic: string; nowhere: KafkaPlace; impostor: KafkaPlace }>
> {
  const client = kafkaClient(place);
  const topic = await freshTopic(client, 2);
  await send(client, topic, 1, ['{"id":"1","x":"2"}']);
  return {
    topic,
    nowhere: { ...place, brokers: [`127.0.0.1:${await freePort()}`] },
    impostor: { ...place, password: WRONG_PASSWORD },
    secrets: [place.password, WRONG_PASSWORD],
    contents: async () => {
      const names = (await client.topics.list()).filter((name) => name === topic || name.includes('no-such'));
      const ends = names.map(async (name) => `${name}: ${JSON.stringify(await client.topics.ranges(name))}`);
      return await Promise.all(ends);
    },
    close: () => client.close(),
  };
}
