import type { KafkaMessage, Message, TopicMessages } from 'kafkajs';
import type { Envelope, MessageHeader } from '../../../../core/envelope.ts';
import type { PartitionRecords, ProducerRecord, TopicPartition } from '../../client.ts';

/** Records as kafkajs takes them: one entry per topic, the records of each partition in their order. */
export function toTopicMessages(batches: readonly PartitionRecords[]): TopicMessages[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, partition, records } of batches) {
    let messages = topics.get(topic);
    if (messages === undefined) topics.set(topic, (messages = []));
    for (const record of records) messages.push(toMessage(record, partition));
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}

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

function toMessage(record: ProducerRecord, partition: number): Message {
  return {
    partition,
    key: record.key === null ? null : bufferOf(record.key),
    value: record.value === null ? null : bufferOf(record.value),
    headers: toHeaders(record.headers),
    ...(record.timestamp === undefined ? {} : { timestamp: `${record.timestamp}` }),
  };
}

/** kafkajs keeps headers by name; a name that comes again has a list. */
function toHeaders(headers: readonly MessageHeader[]): Record<string, Buffer[]> {
  // Without a prototype: a header may have any name.
  const byName = Object.create(null) as Record<string, Buffer[]>;
  for (const { name, value } of headers) (byName[name] ??= []).push(bufferOf(value));
  return byName;
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

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
