import { afterAll } from 'vitest';
import { SluiceError } from '../../../src/core/error.ts';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { describeClient } from '../../integration/kafka-clients/client-behaviours.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { createMemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';

// The very statements that the adapters prove on a real broker. Time passes only when nothing else goes on.
const clock = new ManualClock();
const kafka = createMemoryKafka({ clock, watchdog: true });
let running = true;
const turn = (): void => {
  clock.advance(50);
  if (running) setImmediate(turn);
};
setImmediate(turn);
afterAll(() => {
  running = false;
});

/** A client that none of the brokers answers. */
function unreachable(): KafkaClient {
  const client = kafka.client();
  for (const operation of ['topics', 'producer', 'consumer'] as const) {
    kafka.failNext(operation, new SluiceError('KAFKA_UNREACHABLE', 'no broker answers'), { client });
  }
  return client;
}

describeClient(
  'the memory Kafka',
  ({ brokers }) => (brokers.includes('127.0.0.1:1') ? unreachable() : kafka.client()),
  () => ['memory'],
);
