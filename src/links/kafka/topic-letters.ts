import type { DeadLetterReader } from '../../core/dead-letters.ts';
import type { Envelope } from '../../core/envelope.ts';
import { SluiceError } from '../../core/error.ts';
import type { KeptLetter } from '../../core/scored-batch.ts';
import type { KafkaClient } from './client.ts';
import { rangeMessages } from './live/topic-range-messages.ts';

const READ_BYTES = 1_000_000;

/** The dead letters in a topic, partition by partition; those of all jobs that write them there. */
export function topicLetters(client: KafkaClient, topic: string): DeadLetterReader {
  return {
    name: `topic ${topic}`,
    async *read(signal) {
      if ((await client.topics.partitions(topic)) === null)
        throw new SluiceError('INTAKE_NOT_FOUND', `There is no topic ${topic}: nothing has gone there yet.`);
      for (const [partition, { start, end }] of (await client.topics.ranges(topic)).entries()) {
        const range = { topic, partition, from: start, until: end };
        for await (const messages of rangeMessages(client, range, READ_BYTES, signal))
          for (const message of messages) yield letterOf(message);
      }
    },
  };
}

/** A message as `deadLetterRecord` makes it; of any other, what it is is its own cause. */
function letterOf({ topic, partition, offset, value, headers }: Envelope): KeptLetter {
  const texts = new Map(headers.map((header) => [header.name, Buffer.from(header.value ?? []).toString('utf8')]));
  const number = (name: string): number | null => {
    const text = texts.get(name);
    return text === undefined || text === '' || !Number.isSafeInteger(Number(text)) ? null : Number(text);
  };
  const from = texts.get('sluice-topic');
  return {
    kind: texts.get('sluice-kind') === 'skipped' ? 'skipped' : 'failed',
    split:
      from === undefined
        ? (texts.get('sluice-split') ?? `${topic}/${partition}`)
        : `${from}/${texts.get('sluice-partition')}`,
    row: number('sluice-row'),
    line: number(from === undefined ? 'sluice-line' : 'sluice-offset') ?? offset,
    output: null,
    reason: texts.get('sluice-error') ?? 'a message without a cause: it is none of Sluice',
    attempts: number('sluice-attempts') ?? 0,
    bytes: value ?? new Uint8Array(0),
  };
}
