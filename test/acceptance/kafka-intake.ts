import { join } from 'node:path';
import type { DifficultIntake, KillableSourceDriver, SecretSourceDriver, WideIntake } from '../../src/testing.ts';
import { CountedSockets } from '../support/counted-sockets.ts';
import { freshTopic, type KafkaPlace, kafkaClient, send, topicSource } from './kafka-place.ts';

const READER = join(import.meta.dirname, 'kafka-reader-child.ts');
const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;

type Rows = readonly (readonly (string | null)[])[];

/** A topic of three partitions, one of them empty, read from its beginning to its end. */
export async function topicIntake(place: KafkaPlace): Promise<KillableSourceDriver & SecretSourceDriver> {
  const client = kafkaClient(place);
  const topic = await freshTopic(client, 3);
  const parts = [rows(0, 25), [], rows(25, 31)];
  for (const [partition, part] of parts.entries()) await send(client, topic, partition, part.map(message));
  return {
    records: parts.flat(),
    source: () => topicSource(place, topic),
    reader: { module: READER, args: [topic, JSON.stringify(place)] },
    secrets: [place.password],
    change: () => send(client, topic, 2, rows(31, 32).map(message)),
    close: () => client.close(),
  };
}

/** A topic of the given rows. */
export async function difficultTopic(
  place: KafkaPlace,
  all: readonly (readonly [string, string | null])[],
): Promise<DifficultIntake> {
  const client = kafkaClient(place);
  const topic = await freshTopic(client, 1);
  const texts = all.map(([id, value]) => JSON.stringify({ id, value }));
  await send(client, topic, 0, texts);
  return { source: () => topicSource(place, topic), close: () => client.close() };
}

/** A partition of 40 MB, of which one MiB may be held, and a fetch may be under way. */
export async function wideTopic(place: KafkaPlace): Promise<WideIntake> {
  const client = kafkaClient(place);
  const topic = await freshTopic(client, 1);
  const count = 5_000;
  const texts = Array.from({ length: count }, (_, id) => JSON.stringify({ id: String(id), text: 'x'.repeat(8_000) }));
  await send(client, topic, 0, texts);
  const sockets = CountedSockets.start(Number(place.brokers[0]!.split(':').at(-1)));
  return {
    source: () => topicSource(place, topic),
    rows: count,
    bytes: texts.reduce((sum, { length }) => sum + length, 0),
    taken: () => sockets.bytes,
    ahead: 8_000_000,
    close: async () => {
      sockets.stop();
      await client.close();
    },
  };
}

function rows(from: number, to: number): Rows {
  return Array.from({ length: to - from }, (_, i) => [
    String(from + i),
    TEXTS[(from + i) % TEXTS.length] ?? null,
    String((from + i) / 4),
  ]);
}

function message([id, text, x]: Rows[number]): string {
  return JSON.stringify({ id, text, x });
}
