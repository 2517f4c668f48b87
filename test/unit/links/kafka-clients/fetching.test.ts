import { expect, test } from 'vitest';
import type { Envelope } from '../../../../src/core/envelope.ts';
import type { AssignedPartition } from '../../../../src/links/kafka/client.ts';
import { writingCodec } from '../../../../src/links/kafka/clients/kafkajs/codecs.ts';
import { Attempts } from '../../../../src/links/kafka/clients/protocol/attempts.ts';
import type { BrokerFault } from '../../../../src/links/kafka/clients/protocol/broker-fault.ts';
import { FetchingConsumer } from '../../../../src/links/kafka/clients/protocol/consumer.ts';
import type {
  ConsumerWire,
  FetchAnswer,
  FetchPosition,
} from '../../../../src/links/kafka/clients/protocol/consumer-wire.ts';
import { FetchedPartition } from '../../../../src/links/kafka/clients/protocol/fetched-partition.ts';
import { encodeBatch } from '../../../../src/links/kafka/clients/protocol/record-encoder.ts';
import { consumerOptions } from '../../../integration/kafka-clients/client-harness.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const never = new AbortController().signal;
const RETRY_MS = 10_000;
const away: BrokerFault = { name: null, kind: 'network', code: 'KAFKA_UNREACHABLE', text: 'connection refused' };

/** Brokers of one partition, each of which answers as it is told. */
class FewBrokers {
  readonly clock = new ManualClock();
  /** The brokers in the order in which they were asked for records. */
  readonly asked: number[] = [];
  leader = 1;
  /** Null: it is away. */
  answer: (broker: number, position: FetchPosition) => Promise<Partial<FetchAnswer> | null> = async () => null;

  get wire(): ConsumerWire {
    const closed = new AbortController().signal;
    const faultOf = (): BrokerFault => away;
    const forget = (): void => undefined;
    const unused = (): never => {
      throw new Error('not asked for here');
    };
    return {
      clock: this.clock,
      retryMs: RETRY_MS,
      attempts: new Attempts({ clock: this.clock, retryMs: RETRY_MS, closed, faultOf, forget }),
      faultOf,
      forget,
      errorOf: unused,
      leaders: async () => [this.leader],
      allLeaders: unused,
      leader: async () => this.leader,
      knownLeader: () => this.leader,
      listOffsets: async (_leader, _topic, partitions) => new Map(partitions.map((partition) => [partition, 0])),
      offsets: unused,
      fetch: async (_line, broker, [position]) => {
        this.asked.push(broker);
        const answer = await this.answer(broker, position!);
        if (answer === null) throw new Error('connection refused');
        return [{ ...nothingAt(position!), ...answer }];
      },
      decompress: unused,
      join: unused,
      sync: unused,
      heartbeat: unused,
      commit: unused,
      leave: unused,
      close: async () => undefined,
    };
  }

  /** Reads the partition without a group. */
  async reader(): Promise<AssignedPartition> {
    const consumer = new FetchingConsumer(this.wire, consumerOptions(['rows'], null), () => undefined);
    await consumer.start(never);
    const { value } = await consumer.assignments(never).next();
    return value!;
  }

  /** The next records, however long they take. */
  async next(reader: AssignedPartition): Promise<readonly (string | undefined)[]> {
    const polled = { done: false };
    const polling = reader.poll(1 << 20, never).finally(() => (polled.done = true));
    while (!polled.done) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(10);
    }
    return (await polling).map(({ value }) => value?.toString());
  }
}

function nothingAt({ topic, partition, offset }: FetchPosition): FetchAnswer {
  const [highWatermark, lastStableOffset] = [offset, offset];
  const records = Buffer.alloc(0);
  return {
    topic,
    partition,
    errorCode: 0,
    highWatermark,
    lastStableOffset,
    aborted: [],
    preferredReplica: -1,
    records,
  };
}

/** A batch of the one record that stands at an offset. */
async function recordAt(offset: number): Promise<Partial<FetchAnswer>> {
  const identity = { producerId: -1n, epoch: 0, sequence: 0 };
  const record = { key: null, value: Buffer.from(`record ${offset}`), headers: [] };
  const how = { codec: writingCodec('none'), transactional: false, wall: 0 };
  const records = await encodeBatch([record], identity, how);
  records.writeBigInt64BE(BigInt(offset), 0);
  return { records };
}

test('a nearer broker that goes away is left for the leader, and one that is there is read from only as long as it is advised', async () => {
  const brokers = new FewBrokers();
  let advised = 2;
  brokers.answer = async (broker, { offset }) => {
    if (broker === 1) return advised === 1 ? await recordAt(offset) : { preferredReplica: advised };
    if (broker === 2 && offset > 0) return null;
    return await recordAt(offset);
  };
  const reader = await brokers.reader();
  expect(await brokers.next(reader)).toEqual(['record 0']);
  expect(brokers.asked).toEqual([1, 2]);
  advised = 3;
  expect(await brokers.next(reader)).toEqual(['record 1']);
  expect(brokers.asked.slice(-2)).toEqual([1, 3]);
  advised = 1;
  await brokers.next(reader);
  expect(brokers.asked.at(-1)).toBe(3);
  brokers.clock.advance(300_000);
  // What was fetched ahead of the advice's end comes first.
  while (brokers.asked.at(-1) !== 1) await brokers.next(reader);
});

test('a broker that fails once, long after it has failed before and another has led meanwhile, ends nothing', async () => {
  const brokers = new FewBrokers();
  const failures = new Map([[1, 1]]);
  brokers.answer = async (broker, { offset }) => {
    const left = failures.get(broker) ?? 0;
    failures.set(broker, left - 1);
    if (left <= 0) return await recordAt(offset);
    brokers.leader = 2;
    return null;
  };
  const reader = await brokers.reader();
  expect(await brokers.next(reader)).toEqual(['record 0']);
  expect(brokers.asked.slice(0, 2)).toEqual([1, 2]);
  brokers.clock.advance(10 * RETRY_MS);
  failures.set(1, 1);
  brokers.leader = 1;
  for (let count = 0; count < 4; count += 1) await brokers.next(reader);
  expect(failures.get(1)).toBeLessThan(1);
});

test('what was on the way when a partition was revoked does not move it past the records that nobody has had', async () => {
  const clock = new ManualClock();
  const nothing = (): void => undefined;
  const owner = { clock, bufferBytes: 1 << 20, wake: nothing, check: nothing, released: nothing };
  const partition = new FetchedPartition({ ...owner, commit: async () => undefined }, 'rows', 0, 0);
  const message = (offset: number): Envelope => ({
    topic: 'rows',
    partition: 0,
    offset,
    timestamp: 0,
    key: null,
    value: Buffer.from('row'),
    headers: [],
  });
  partition.add([message(0), message(1)], 2, 3);
  expect(await partition.poll(1, never)).toHaveLength(1);
  partition.revoke(new Error('the group is being balanced'));
  partition.add([message(2)], 3, 3);
  expect(partition.position).toBe(1);
  await partition[Symbol.asyncDispose]();
  await expect(partition.commit(1)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
});
