import type { KafkaMessage } from 'kafkajs';
import type { Envelope, MessageHeader } from '../../../../core/envelope.ts';
import type { TopicPartition } from '../../client.ts';

/** A fetched message, in Sluice's words. */
export function toEnvelope(at: TopicPartition, message: KafkaMessage): Envelope {
  return {
    topic: at.topic,
    partition: at.partition,
    offset: Number(message.offset),
    timestamp: Number(message.timestamp),
    key: message.key,
    headers: fromHeaders(message.headers),
    value: message.value,
  };
}

const none: readonly MessageHeader[] = [];

function fromHeaders(headers: KafkaMessage['headers']): readonly MessageHeader[] {
  if (headers === undefined) return none;
  const list: MessageHeader[] = [];
  for (const name of Object.keys(headers)) {
    const given = headers[name];
    // A header without a value is one with an empty value to us.
    for (const value of Array.isArray(given) ? given : [given]) list.push({ name, value: Buffer.from(value ?? '') });
  }
  return list.length === 0 ? none : list;
}
