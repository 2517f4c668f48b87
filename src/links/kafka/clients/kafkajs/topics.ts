import type { Admin } from 'kafkajs';
import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaTopics, OffsetRange, TopicSettings } from '../../client.ts';
import { committedOffsets } from '../protocol/committed-offsets.ts';
import type { Brokers } from './brokers.ts';
import { faultTypes, kafkaFault } from './fault.ts';
import { groupOffsets } from './group-offsets.ts';

/** What administration is done with. */
export interface TopicsPorts {
  /** A new administrator, not yet connected, that gives up after a few attempts. */
  readonly open: () => Admin;
  /** For requests that it has not, or not in a version that will do. */
  readonly brokers: Brokers;
  readonly clock: Clock;
  /** Milliseconds that brokers may be away. */
  readonly retryMs: number;
}

/**
 * One connected administrator, kept. It is replaced whenever it fails: kafkajs remembers the topics that it was asked for,
 * and one of them that was removed since makes every later request of the same administrator fail.
 */
export class KafkajsTopics implements KafkaTopics {
  readonly #ports: TopicsPorts;
  readonly #closed = new AbortController();
  #admin: Promise<Admin> | undefined;

  constructor(ports: TopicsPorts) {
    this.#ports = ports;
  }

  async list(): Promise<readonly string[]> {
    const all = await this.#attempt('list the topics', (admin) => admin.listTopics());
    return all.filter((topic) => !topic.startsWith('__')).toSorted();
  }

  partitions(topic: string): Promise<number | null> {
    return this.#attempt(`describe topic ${topic}`, async (admin) => {
      try {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
        return topics.find(({ name }) => name === topic)?.partitions.length ?? null;
      } catch (error) {
        if (isMissing(error) && !(await admin.listTopics()).includes(topic)) return null;
        throw error;
      }
    });
  }

  async create({ name, partitions, replicationFactor, config }: TopicSettings): Promise<boolean> {
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const topic = { topic: name, numPartitions: partitions, replicationFactor: replicationFactor ?? -1, configEntries };
    return this.#attempt(`make topic ${name}`, (admin) =>
      admin.createTopics({ topics: [topic], waitForLeaders: true }),
    );
  }

  async remove(topics: readonly string[]): Promise<void> {
    await this.#attempt(`remove topics ${topics.join(', ')}`, async (admin) => {
      const there = new Set(await admin.listTopics());
      const left = topics.filter((topic) => there.has(topic));
      if (left.length > 0) await admin.deleteTopics({ topics: left });
    });
    // A removal is answered before every broker knows of it.
    for (let attempt = 0; attempt < 50; attempt += 1) {
      const there = new Set(await this.list());
      if (!topics.some((topic) => there.has(topic))) return;
      await this.#ports.clock.sleep(100, this.#closed.signal);
    }
  }

  async ranges(topic: string): Promise<readonly OffsetRange[]> {
    await this.#present(topic);
    const offsets = await this.#attempt(`measure topic ${topic}`, (admin) => admin.fetchTopicOffsets(topic));
    return inOrder(offsets).map(({ low, high }) => ({ start: Number(low), end: Number(high), high: Number(high) }));
  }

  async offsetsAt(topic: string, timestamp: number): Promise<readonly number[]> {
    await this.#present(topic);
    const offsets = await this.#attempt(`find a time in topic ${topic}`, (admin) =>
      admin.fetchTopicOffsetsByTimestamp(topic, timestamp),
    );
    return inOrder(offsets).map(({ offset }) => Number(offset));
  }

  async committed(group: string, topic: string): Promise<readonly (number | null)[]> {
    const count = await this.#present(topic);
    const { brokers } = this.#ports;
    return await committedOffsets(groupOffsets(brokers, group, topic), [...Array(count).keys()], brokers.closed);
  }

  async members(group: string): Promise<number> {
    const { groups } = await this.#attempt(`describe group ${group}`, (admin) => admin.describeGroups([group]));
    return groups[0]?.members.length ?? 0;
  }

  async removeGroups(groups: readonly string[]): Promise<void> {
    if (groups.length === 0) return;
    await this.#attempt(`remove groups ${groups.join(', ')}`, async (admin) => {
      try {
        await admin.deleteGroups([...groups]);
      } catch (error) {
        const failed = (error as { readonly groups?: readonly { readonly error?: unknown }[] }).groups ?? [];
        const others = failed.filter(({ error: each }) => !faultTypes(each).includes('GROUP_ID_NOT_FOUND'));
        if (failed.length === 0) throw error;
        if (others.length > 0) throw others[0]?.error;
      }
    });
  }

  /** What is being asked is given up. */
  async close(): Promise<void> {
    this.#closed.abort(new SluiceError('KAFKA_FAULT', 'Kafka: the client was closed'));
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await admin?.then((each) => each.disconnect()).catch(() => undefined);
  }

  async #present(topic: string): Promise<number> {
    const count = await this.partitions(topic);
    if (count === null) throw new SluiceError('KAFKA_TOPIC_MISSING', `there is no topic ${topic}: create it first`);
    return count;
  }

  /** Runs until it works, fails for good, or `retryMs` are over, but no longer than the client is open: whoever asked may have gone. */
  async #attempt<T>(doing: string, run: (admin: Admin) => Promise<T>): Promise<T> {
    const { clock, retryMs } = this.#ports;
    const began = clock.now();
    for (let pause = 50; ; pause = Math.min(2 * pause, 1_000)) {
      this.#closed.signal.throwIfAborted();
      const connected = (this.#admin ??= this.#connect());
      try {
        return await run(await connected);
      } catch (error) {
        if (this.#admin === connected) await this.#leave();
        const fault = kafkaFault(error, doing);
        // A topic that this administrator once asked for may have been removed: a new one does not know of it.
        const again = fault.code === 'KAFKA_UNREACHABLE' || (fault.code === 'KAFKA_TOPIC_MISSING' && pause < 400);
        if (!again || clock.now() - began >= retryMs) throw fault;
        await clock.sleep(pause, this.#closed.signal);
      }
    }
  }

  async #connect(): Promise<Admin> {
    const admin = this.#ports.open();
    try {
      await admin.connect();
      return admin;
    } catch (error) {
      await admin.disconnect().catch(() => undefined);
      throw error;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof TypeError || faultTypes(error).includes('UNKNOWN_TOPIC_OR_PARTITION');
}

function inOrder<T extends { readonly partition: number }>(list: readonly T[]): readonly T[] {
  return list.toSorted((a, b) => a.partition - b.partition);
}
