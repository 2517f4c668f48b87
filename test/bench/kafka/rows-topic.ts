import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { KafkaClient, ProducerRecord } from '../../../src/links/kafka/client.ts';

const RECORDS = 2_000;

/** Makes a topic and writes the rows of a CSV file to it, one per record, the partitions in turn. */
export async function rowsTopic(
  client: KafkaClient,
  { topic, partitions, file, format }: { topic: string; partitions: number; file: string; format: 'csv' | 'json' },
): Promise<void> {
  await client.topics.create({ name: topic, partitions, replicationFactor: 1, config: {} });
  const { signal } = new AbortController();
  await using producer = await client.producer({ compression: 'none' }, signal);
  let names: readonly string[] = [];
  let records: ProducerRecord[] = [];
  let sent = 0;
  const underWay: Promise<void>[] = [];
  const send = async (): Promise<void> => {
    const partition = sent % partitions;
    sent += 1;
    underWay.push(producer.send([{ topic, partition, records }], signal));
    records = [];
    if (underWay.length >= 2 * partitions) await underWay.shift();
  };
  for await (const line of createInterface({ input: createReadStream(file) })) {
    if (names.length === 0) {
      names = line.split(',');
      continue;
    }
    const text = format === 'csv' ? line : jsonRow(names, line);
    records.push({ key: null, value: Buffer.from(text), headers: [] });
    if (records.length === RECORDS) await send();
  }
  if (records.length > 0) await send();
  await Promise.all(underWay);
}

/** The row as an object of about 300 bytes: longer names, and a text. */
function jsonRow(names: readonly string[], line: string): string {
  const cells = line.split(',').map((cell, i) => `"${i === 0 ? 'id' : `feature_${names[i]}`}":${cell}`);
  return `{${cells.join(',')},"comment":"as a customer wrote it"}`;
}
