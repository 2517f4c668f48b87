import type { Clock } from '../../../src/core/clock.ts';
import { SluiceError } from '../../../src/core/error.ts';
import type { PartitionRecords, TopicPartition, TopicSettings } from '../../../src/links/kafka/client.ts';
import { Faults } from './faults.ts';
import { MemoryGroup } from './memory-group.ts';
import { PartitionLog } from './partition-log.ts';
import type { Steps } from './steps.ts';
import { Transactions } from './transactions.ts';

/** How a cluster behaves. */
export interface ClusterOptions {
  readonly clock: Clock;
  readonly random: (() => number) | null;
  readonly leakAborted: boolean;
  readonly compaction: boolean;
  readonly watchdog: boolean;
  readonly stableRanges: boolean;
  readonly maxMessageBytes: number;
}

interface Topic {
  readonly settings: TopicSettings;
  readonly logs: readonly PartitionLog[];
}

/** The state of the brokers: everything here is synchronous, and what survives every process. */
export class Cluster {
  readonly options: ClusterOptions;
  readonly steps: Steps;
  readonly faults = new Faults();
  readonly transactions: Transactions;
  /** Told when a topic came or went. */
  readonly watchers = new Set<(topic: string) => void>();
  readonly #topics = new Map<string, Topic>();
  readonly #groups = new Map<string, MemoryGroup>();

  constructor(options: ClusterOptions, steps: Steps) {
    this.options = options;
    this.steps = steps;
    this.transactions = new Transactions(steps, options.clock, ({ group, offsets }) => {
      const { committed } = this.group(group);
      return offsets.map(({ offset, ...at }) => committed.write(at, offset));
    });
  }

  get topics(): readonly string[] {
    return [...this.#topics.keys()];
  }

  create(settings: TopicSettings): boolean {
    if (this.#topics.has(settings.name)) return false;
    const logs = Array.from(
      { length: settings.partitions },
      (_, partition) => new PartitionLog({ topic: settings.name, partition }),
    );
    this.#topics.set(settings.name, { settings, logs });
    for (const watcher of this.watchers) watcher(settings.name);
    return true;
  }

  remove(name: string): void {
    const topic = this.#topics.get(name);
    if (topic === undefined || !this.#topics.delete(name)) return;
    for (const { committed } of this.#groups.values()) {
      for (const log of topic.logs) committed.delete(log);
    }
    for (const { changed } of topic.logs) changed.ring();
    for (const watcher of this.watchers) watcher(name);
  }

  /** The logs of a topic; undefined when there is none. */
  find(topic: string): readonly PartitionLog[] | undefined {
    return this.#topics.get(topic)?.logs;
  }

  logs(topic: string): readonly PartitionLog[] {
    const found = this.find(topic);
    if (found === undefined) throw new SluiceError('KAFKA_TOPIC_MISSING', `there is no topic ${topic}`);
    return found;
  }

  log({ topic, partition }: TopicPartition): PartitionLog {
    const log = this.logs(topic)[partition];
    if (log === undefined) throw new SluiceError('KAFKA_TOPIC_MISSING', `topic ${topic} has no partition ${partition}`);
    return log;
  }

  /** Writes one partition's records, as one batch that must fit. */
  write(batch: PartitionRecords, join: (log: PartitionLog) => object | null): void {
    const log = this.log(batch);
    const { config } = this.#topics.get(batch.topic)!.settings;
    const compacted = config['cleanup.policy']?.includes('compact') === true;
    const limit = Number(config['max.message.bytes'] ?? this.options.maxMessageBytes);
    const size = batch.records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);
    if (size > limit) {
      throw new SluiceError(
        'KAFKA_RECORD_TOO_LARGE',
        `${size} bytes for ${batch.topic}/${batch.partition} are more than its max.message.bytes, ${limit}`,
      );
    }
    if (compacted && batch.records.some(({ key }) => key === null)) {
      throw new SluiceError('KAFKA_FAULT', `a record for the compacted topic ${batch.topic} has no key`);
    }
    if (batch.records.length > 0) log.append(batch.records, this.options.clock.wall(), join(log));
    if (compacted && this.options.compaction) log.compact();
  }

  group(id: string): MemoryGroup {
    const group = this.#groups.get(id) ?? new MemoryGroup(id, this.steps, this.options.random);
    this.#groups.set(id, group);
    return group;
  }

  findGroup(id: string): MemoryGroup | undefined {
    return this.#groups.get(id);
  }

  removeGroup(id: string): void {
    if ((this.#groups.get(id)?.size ?? 0) > 0) {
      throw new SluiceError('KAFKA_FAULT', `the group ${id} still has members`);
    }
    this.#groups.delete(id);
  }
}
