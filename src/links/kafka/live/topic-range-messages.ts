import type { Envelope } from '../../../core/envelope.ts';
import { SluiceError } from '../../../core/error.ts';
import type { AssignedPartition, KafkaClient } from '../client.ts';
import { readAlone } from '../read-alone.ts';
import type { PartitionRange } from './topic-range.ts';

/** How often a read that gets no message looks at where the partition stands: its last offsets may hold no message. */
const LOOK_MS = 200;

/** More bytes ahead were no faster, and a message of 80 bytes takes 300 in memory. */
const AHEAD_BYTES = 1 << 20;

/**
 * The committed messages of a range of offsets, without a group. Throws INTAKE_CHANGED when the topic's retention has removed
 * any of them: it is looked for wherever offsets are missing, which transactions and compaction cause as well.
 */
export async function* rangeMessages(
  client: KafkaClient,
  range: PartitionRange,
  maxBytes: number,
  signal: AbortSignal,
): AsyncGenerator<readonly Envelope[]> {
  const { topic, from, until } = range;
  if (from >= until) return;
  await assertThere(client, range, from);
  const reading = { topics: [topic], from: 'earliest', bufferBytes: AHEAD_BYTES, readCommitted: true } as const;
  await using consumer = await readAlone(client, reading, signal);
  const assigned = await assignment(consumer.assignments(signal), range);
  await using _ = assigned;
  if (assigned.start !== from) assigned.seek(from);
  for (let next = from; next < until; ) {
    const polled = await assigned.poll(maxBytes, signal, LOOK_MS);
    const messages = polled.filter(({ offset }) => offset >= next && offset < until);
    const missing = firstMissing(messages, next, assigned.position);
    if (missing !== null) await assertThere(client, range, missing);
    next = Math.max(next, assigned.position, (polled.at(-1)?.offset ?? -1) + 1);
    if (messages.length > 0) yield messages;
  }
}

async function assignment(
  assignments: AsyncIterable<AssignedPartition>,
  { topic, partition }: PartitionRange,
): Promise<AssignedPartition> {
  for await (const assigned of assignments) {
    if (assigned.topic === topic && assigned.partition === partition) return assigned;
    await assigned[Symbol.asyncDispose]();
  }
  throw new SluiceError('KAFKA_TOPIC_MISSING', `topic ${topic} has no partition ${partition} any more`);
}

/** The first offset from `from` on that no message has, if there is one before the last message or, without any, before `position`. */
function firstMissing(messages: readonly Envelope[], from: number, position: number): number | null {
  let expected = from;
  for (const { offset } of messages) {
    if (offset !== expected) return expected;
    expected += 1;
  }
  return messages.length === 0 && position > from ? from : null;
}

async function assertThere(client: KafkaClient, { topic, partition }: PartitionRange, offset: number): Promise<void> {
  const start = (await client.topics.ranges(topic))[partition]?.start;
  if (start !== undefined && start <= offset) return;
  throw new SluiceError(
    'INTAKE_CHANGED',
    `${topic}/${partition}: the job reads on from offset ${offset}, but ${
      start === undefined
        ? 'the partition is gone'
        : `the topic begins at ${start} now: its retention has removed what was before`
    }. Start anew with --overwrite over what is left, and raise retention.ms of the topic for the time of a job.`,
  );
}
