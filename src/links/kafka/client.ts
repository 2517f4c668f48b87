import type { Envelope, MessageHeader } from '../../core/envelope.ts';

/** A partition of a topic. */
export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** A message to be written. */
export interface ProducerRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly MessageHeader[];
  /** Milliseconds since 1970; left out: now. */
  readonly timestamp?: number;
}

/** Messages for one partition, in order. */
export interface PartitionRecords extends TopicPartition {
  readonly records: readonly ProducerRecord[];
}

/** The first and last place of a partition: `start` is the oldest offset that is still there, `end` the one that comes next. */
export interface OffsetRange {
  readonly start: number;
  /** The last stable offset, where the client can tell it from the high watermark. */
  readonly end: number;
  /** The high watermark: nobody has read beyond it. */
  readonly high: number;
}

/** What a topic is made with. */
export interface TopicSettings {
  readonly name: string;
  readonly partitions: number;
  /** Null: the cluster's default. */
  readonly replicationFactor: number | null;
  /** Kafka's own names, such as `cleanup.policy`. */
  readonly config: Readonly<Record<string, string>>;
}

/**
 * What Sluice needs of a Kafka client, and no more. An adapter per library; everything above it is ours. Every method
 * rejects with a SluiceError: KAFKA_UNREACHABLE (retryable, after the adapter's own retries), KAFKA_ACCESS (a wrong password or
 * a missing right), KAFKA_TOPIC_MISSING, KAFKA_FENCED (another producer or member has taken over: end, do not retry),
 * KAFKA_RECORD_TOO_LARGE, KAFKA_FAULT (all else). No secret is in any message.
 *
 * Brokers that restart or are away for less than `retryMs` are not noticed but for the wait.
 */
export interface KafkaClient extends AsyncDisposable {
  readonly topics: KafkaTopics;
  /** Connects a producer. */
  producer(options: ProducerOptions, signal: AbortSignal): Promise<KafkaProducer>;
  /** Connects a producer of transactions, and fences whoever held the same `transactionalId` before it resolves. */
  transactionalProducer(options: TransactionalOptions, signal: AbortSignal): Promise<TransactionalProducer>;
  /** Joins a group, or reads every partition of the topics by itself. */
  consumer(options: ConsumerOptions, signal: AbortSignal): Promise<KafkaConsumer>;
  close(): Promise<void>;
}

/** Topics, offsets and groups, as an administrator sees them. */
export interface KafkaTopics {
  /** All topics of the cluster but Kafka's internal ones. */
  list(): Promise<readonly string[]>;
  /** How many partitions a topic has; null when there is no such topic. */
  partitions(topic: string): Promise<number | null>;
  /** Makes a topic and waits until it can be written; false when there was one of that name. */
  create(settings: TopicSettings): Promise<boolean>;
  /** Removes topics; one that is not there is no error. */
  remove(topics: readonly string[]): Promise<void>;
  /** One per partition, in order. */
  ranges(topic: string): Promise<readonly OffsetRange[]>;
  /** For each partition the first offset whose timestamp is at least `timestamp` (ms since 1970), or the end. */
  offsetsAt(topic: string, timestamp: number): Promise<readonly number[]>;
  /** The offsets that a group has committed: one per partition, null where there is none. */
  committed(group: string, topic: string): Promise<readonly (number | null)[]>;
  /** How many members a group has; 0 when there is no such group. */
  members(group: string): Promise<number>;
  /** Removes groups without members; one that is not there is no error. */
  removeGroups(groups: readonly string[]): Promise<void>;
}

/** How the records of one request are compressed. */
export type KafkaCompression = 'none' | 'gzip' | 'zstd' | 'snappy' | 'lz4';

export interface ProducerOptions {
  readonly compression: KafkaCompression;
}

/**
 * Idempotent, acknowledged by all in-sync replicas. Calls for one partition are written in the order of the calls; the
 * adapter sees to it that no retry changes that.
 */
export interface KafkaProducer extends AsyncDisposable {
  /** Resolves when every record is acknowledged. What is in one call for one partition must fit the broker's message.max.bytes. */
  send(batches: readonly PartitionRecords[], signal: AbortSignal): Promise<void>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export interface TransactionalOptions extends ProducerOptions {
  readonly transactionalId: string;
  /** Milliseconds after which the broker aborts a transaction that nobody ends. */
  readonly timeoutMs: number;
}

/** One transaction at a time. */
export interface TransactionalProducer extends AsyncDisposable {
  /**
   * Writes records and consumer offsets in one transaction: all or nothing. After a rejection nothing of it is there for
   * those who read committed records; but after KAFKA_UNREACHABLE it may be there, as the answer to its end may be lost: take the
   * id anew, which settles it, and read the committed offsets. KAFKA_FENCED means that this producer is dead.
   */
  commit(batches: readonly PartitionRecords[], offsets: readonly GroupOffsets[], signal: AbortSignal): Promise<void>;
  /**
   * The offset that the group has committed for a place, null where there is none, as it is for good: for who has just taken the id.
   * What the broker has decided of the id's last transaction is completed first: a coordinator that comes back passes over
   * partitions that have no leader yet, and calls the transaction ended which it leaves open there.
   * @param written where records of that transaction may lie.
   */
  settled(
    group: string,
    place: TopicPartition,
    written: () => Promise<readonly TopicPartition[]>,
    signal: AbortSignal,
  ): Promise<number | null>;
  close(): Promise<void>;
}

/** Offsets of a group that are committed with a transaction. */
export interface GroupOffsets {
  readonly group: string;
  readonly offsets: readonly (TopicPartition & { readonly offset: number })[];
}

export interface ConsumerOptions {
  /** Names, or one pattern, which is looked at again from time to time. */
  readonly topics: readonly string[] | RegExp;
  /** The consumer group. Null: every partition of the topics, without coordination, without commits. */
  readonly group: string | null;
  /** Where a partition begins for which the group has committed nothing. */
  readonly from: 'earliest' | 'latest';
  /** Whether records of open and aborted transactions are left out. Never believed alone: see identity. */
  readonly readCommitted: boolean;
  /** Milliseconds after which a member that is not heard of loses its partitions. */
  readonly sessionTimeoutMs: number;
  /** Milliseconds that a holder may take to finish after `revoked`; less than the session timeout. Then `lost` aborts. */
  readonly drainMs: number;
  /** Milliseconds that a holder may have records and neither ask for more nor commit, before the member leaves the group: it is stuck. */
  readonly stuckMs: number;
  /** Bytes of values that are fetched ahead per partition; fetching pauses above it. */
  readonly bufferBytes: number;
}

/** A member of a group (or a reader of all partitions). */
export interface KafkaConsumer extends AsyncDisposable {
  /** The partitions as they are assigned; each assignment gives each partition once. Called once. Rejects when the consumer has failed. */
  assignments(signal: AbortSignal): AsyncIterable<AssignedPartition>;
  /** How often the group was balanced since this member joined. */
  readonly rebalances: number;
  /** Partitions whose fetching is paused as their buffer is full. */
  readonly paused: number;
  /** Revokes every partition, waits until they are drained (at most `drainMs`), and leaves the group. */
  close(): Promise<void>;
}

/**
 * A partition that is read. Revocation is as `PartitionLease` says: after `revoked` the holder finishes, commits and disposes;
 * the group's next generation waits for that, `drainMs` at the most, then `lost` aborts.
 */
export interface AssignedPartition extends TopicPartition, AsyncDisposable {
  readonly revoked: AbortSignal;
  readonly lost: AbortSignal;
  /** Where reading begins: the group's committed offset, or what `from` says. As of the assignment: a former holder may have committed since. */
  readonly start: number;
  /** How many records stood behind the last one fetched; null before the first fetch. */
  readonly lag: number | null;
  /** Begins at another offset. Before the first `poll` only; nothing is fetched before that. */
  seek(offset: number): void;
  /**
   * The next records in order: at least one, those that are there, at most `maxBytes` of values (a single larger record comes alone).
   * Waits for the first one. Rejects with the reason of the signal, of `revoked`, or of a failed consumer.
   * @param waitMs gives up with an empty list after so long, counted from the call. Left out: never.
   */
  poll(maxBytes: number, signal: AbortSignal, waitMs?: number): Promise<readonly Envelope[]>;
  /**
   * Since when, by the client's clock, records have been waiting for a `poll`, as far as they are known to have come no later; null
   * when none waits. A linger counts from there: what came while its holder was busy has waited already.
   */
  readonly waitingSince: number | null;
  /** The offset of the next record that `poll` would give at the earliest. */
  readonly position: number;
  /** Commits the offset for the group: everything below it is done with. Does nothing without a group. KAFKA_FENCED when `lost`. */
  commit(offset: number): Promise<void>;
}
