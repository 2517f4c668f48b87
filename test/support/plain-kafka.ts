import kafkajs, { type Kafka, type KafkaConfig } from 'kafkajs';
import { mendIdleTimers } from '../../src/links/kafka/clients/kafkajs/library.ts';

/** A kafkajs client as somebody else would have one. All that it has of Sluice is that its idle connections do not wake up every millisecond. */
export function plainKafka(brokers: readonly string[], more: Partial<KafkaConfig> = {}): Kafka {
  mendIdleTimers();
  return new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.NOTHING, ...more });
}
