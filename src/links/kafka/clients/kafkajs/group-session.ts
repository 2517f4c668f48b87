import kafkajs, {
  type Consumer,
  type EachBatchPayload,
  type OffsetsByTopicPartition,
  type PartitionAssigner,
} from 'kafkajs';
import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { ConsumerOptions, KafkaTopics, TopicPartition } from '../../client.ts';
import type { KafkaConnection } from '../../settings.ts';
import { openKafkajs, retryOptions } from './connection.ts';
import { kafkaFault } from './fault.ts';
import { toEnvelope } from './message.ts';
import { PartitionReader, type ReaderHost } from './partition-reader.ts';
import { Sockets } from './sockets.ts';
import { startOffsets } from './start-offsets.ts';

/** What a consumer is made with. */
export interface ConsumerPorts {
  readonly connection: KafkaConnection;
  readonly topics: KafkaTopics;
  readonly clock: Clock;
  readonly options: ConsumerOptions;
}

/** What one membership of it is made with. */
export interface SessionPorts extends ConsumerPorts {
  /** The group's id. kafkajs reads in groups only: a reader without one has one of its own. */
  readonly group: string;
}

/** Requests that the broker takes for a sign of life. */
const signsOfLife = new Set(['Heartbeat', 'SyncGroup', 'OffsetCommit']);
/** Says of what kafkajs logged that the group goes on without this member. */
const forgotten = /not aware of this member|generation id is not valid/;

/**
 * One membership: from joining the group with given topics to leaving it, over any number of rebalances. It ends by `stop`,
 * or by itself, which `ended` says; the consumer above it then begins another one or fails.
 *
 * kafkajs fetches in lockstep: the next fetch of a broker waits until every batch of the last one is handled. So batches are
 * moved to the readers' buffers, never waited for, and a reader that is full is paused.
 */
export class GroupSession implements ReaderHost {
  readonly clock: Clock;
  readonly bufferBytes: number;
  /** Why it ended by itself. */
  readonly ended: Promise<unknown>;
  readonly #ports: SessionPorts;
  readonly #topics: readonly string[];
  readonly #give: (reader: PartitionReader) => void;
  readonly #consumer: Consumer;
  readonly #sockets = new Sockets();
  readonly #held = new Map<string, PartitionReader>();
  readonly #given = new WeakSet<PartitionReader>();
  readonly #sought = new Set<PartitionReader>();
  readonly #over = new AbortController();
  readonly #heartbeatMs: number;
  #end!: (error: unknown) => void;
  /** Until it has joined for the first time, or failed to. */
  #begun: Promise<void> = Promise.resolve();
  #commitOnce: ((offsets: OffsetsByTopicPartition) => Promise<void>) | undefined;
  #generation = 0;
  #joins = 0;
  #heard: number;
  #drainUntil: number | undefined;
  #drained: (() => void) | undefined;
  #leaving = false;

  /** @param give takes each reader as it is assigned; it calls `accept` when somebody has taken it. */
  constructor(ports: SessionPorts, topics: readonly string[], give: (reader: PartitionReader) => void) {
    const { connection, clock, options, group } = ports;
    this.clock = clock;
    this.bufferBytes = options.bufferBytes;
    this.#ports = ports;
    this.#topics = topics;
    this.#give = give;
    this.#heard = clock.now();
    this.ended = new Promise((resolve) => (this.#end = resolve));
    this.#heartbeatMs = Math.max(50, Math.min(500, Math.floor(options.sessionTimeoutMs / 6)));
    const pace = { firstMs: 20, longestMs: 1_000, totalMs: connection.retryMs };
    const client = openKafkajs(
      connection,
      pace,
      (message, detail) => this.#heardFromLibrary(message, detail),
      this.#sockets,
    );
    this.#consumer = client.consumer({
      groupId: group,
      sessionTimeout: options.sessionTimeoutMs,
      rebalanceTimeout: Math.max(options.sessionTimeoutMs, options.drainMs + 5_000),
      heartbeatInterval: this.#heartbeatMs,
      // With the default of 5 s a resumed partition waits that long for its next fetch.
      maxWaitTimeInMs: 50,
      maxBytesPerPartition: Math.max(64 << 10, Math.min(options.bufferBytes >> 1, 4 << 20)),
      maxBytes: 64 << 20,
      metadataMaxAge: 10_000,
      readUncommitted: !options.readCommitted,
      allowAutoTopicCreation: false,
      partitionAssigners: [this.#assigner],
      // Short pauses: a partition changes hands when the next attempt to join comes.
      retry: {
        ...retryOptions({ firstMs: 20, longestMs: 100, totalMs: connection.retryMs + 2 * options.drainMs }),
        restartOnFailure: async () => false,
      },
      ...(connection.rack === null ? {} : { rackId: connection.rack }),
    });
  }

  /** How often this member has joined. */
  get joins(): number {
    return this.#joins;
  }

  get paused(): number {
    let count = 0;
    for (const reader of this.#held.values()) if (reader.paused) count += 1;
    return count;
  }

  /** Connects, and begins to join. */
  async start(): Promise<void> {
    const consumer = this.#consumer;
    const { CRASH, GROUP_JOIN, REQUEST, FETCH_START, END_BATCH_PROCESS } = consumer.events;
    // A place that was sought is fetched from at the next fetch; what ends before that is of an earlier place.
    consumer.on(FETCH_START, () => this.#sought.clear());
    consumer.on(END_BATCH_PROCESS, ({ payload }) => {
      const reader = this.#held.get(keyOf(payload));
      // kafkajs hands no batch over that holds nothing but markers and aborted records.
      if (payload.batchSize > 0 || reader === undefined || this.#sought.has(reader)) return;
      reader.accept([], Number(payload.lastOffset), Number(payload.highWatermark));
    });
    consumer.on(CRASH, ({ payload }) => this.#end(payload.error));
    consumer.on(GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment));
    consumer.on(REQUEST, ({ payload }) => {
      if (signsOfLife.has(payload.apiName)) this.#heard = Math.max(this.#heard, this.clock.now() - payload.duration);
    });
    try {
      await consumer.connect();
      // From the beginning: only partitions that lost the offset they are read at use it; the start is ours.
      await consumer.subscribe({ topics: [...this.#topics], fromBeginning: true });
    } catch (error) {
      await consumer.disconnect().catch(() => undefined);
      this.#sockets.close();
      throw kafkaFault(error, `read ${this.#topics.join(', ')}`);
    }
    const run = consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: 64,
      eachBatch: async (payload) => this.#take(payload),
    });
    this.#begun = run.catch((error: unknown) => this.#end(error));
    this.#watch().catch(() => undefined);
  }

  /** Gives every partition up, waits for their holders as long as they may take, and leaves the group. */
  async stop(reason: unknown): Promise<void> {
    const { drainMs, sessionTimeoutMs } = this.#ports.options;
    // kafkajs leaves a group only once it has joined: who goes before would hold its partitions for a session.
    await this.#within(sessionTimeoutMs, this.#begun);
    this.#revokeAll(reason);
    if (this.#live().length > 0) await this.#within(drainMs, new Promise<void>((resolve) => (this.#drained = resolve)));
    this.#loseAll(reason);
    this.#leaving = true;
    this.#over.abort();
    await this.#disconnect(sessionTimeoutMs);
  }

  /** Ends without waiting for anybody. */
  async abandon(reason: unknown): Promise<void> {
    this.#leaving = true;
    this.#over.abort();
    this.#loseAll(reason);
    await this.#disconnect(2_000);
  }

  /** Somebody has it now: it is waited for when it is revoked. */
  accept(reader: PartitionReader): void {
    this.#given.add(reader);
  }

  check(): void {
    const { sessionTimeoutMs } = this.#ports.options;
    if (this.#held.size === 0 || this.clock.now() - this.#heard <= sessionTimeoutMs) return;
    const error = this.#fenced(`it was not heard of for ${sessionTimeoutMs} ms`);
    this.#loseAll(error);
    // kafkajs may still be a member, which holds partitions that nobody reads.
    this.#end(error);
  }

  begin(reader: PartitionReader, offset: number): void {
    if (this.#leaving) return;
    const { topic, partition } = reader;
    // Always, even where it begins anyway: what is under way for an earlier generation is thereby dropped.
    this.#sought.add(reader);
    this.#consumer.seek({ topic, partition, offset: `${offset}` });
    this.#consumer.resume([{ topic, partitions: [partition] }]);
  }

  pause({ topic, partition }: PartitionReader, paused: boolean): void {
    if (this.#leaving) return;
    const what = [{ topic, partitions: [partition] }];
    if (paused) this.#consumer.pause(what);
    else this.#consumer.resume(what);
  }

  disposed(reader: PartitionReader): void {
    if (this.#held.get(keyOf(reader)) === reader && !reader.revoked.aborted) this.pause(reader, true);
    if (this.#live().length === 0) this.#drained?.();
  }

  async commit(reader: PartitionReader, offset: number): Promise<void> {
    const { connection, options } = this.#ports;
    const { topic, partition } = reader;
    const began = this.clock.now();
    for (let pause = 20; ; pause = Math.min(2 * pause, 500)) {
      this.check();
      if (reader.isLost || reader.disposed) throw this.#fenced(`partition ${partition} of ${topic} is not its own`);
      if (options.group === null) return;
      try {
        // One attempt of this generation. kafkajs's own repeats could fall into the next generation, in which the
        // partition is another member's; before the first batch there is no other way.
        if (this.#commitOnce === undefined) {
          await this.#consumer.commitOffsets([{ topic, partition, offset: `${offset}` }]);
        } else {
          await this.#commitOnce({ topics: [{ topic, partitions: [{ partition, offset: `${offset}` }] }] });
        }
        return;
      } catch (cause) {
        const error = kafkaFault(cause, `commit offset ${offset} of partition ${partition} of ${topic}`);
        if (error.code === 'KAFKA_FENCED') reader.lose(error);
        const again = error.code === 'KAFKA_UNREACHABLE' && this.clock.now() - began < connection.retryMs;
        if (!again && !reader.isLost) throw error;
        await this.clock.sleep(pause, this.#over.signal).catch(() => undefined);
      }
    }
  }

  /**
   * Round robin; but before kafkajs joins again (it asks the assigner for its protocol each time), the holders finish. It
   * takes the error for "the group is being balanced" and comes again a little later; the broker waits meanwhile.
   */
  readonly #assigner: PartitionAssigner = (config) => {
    const roundRobin = kafkajs.PartitionAssigners.roundRobin(config);
    return {
      name: roundRobin.name,
      version: roundRobin.version,
      assign: (group) => roundRobin.assign(group),
      protocol: (subscription) => {
        this.#beforeJoining();
        return roundRobin.protocol(subscription);
      },
    };
  };

  #beforeJoining(): void {
    if (this.#leaving) throw Object.assign(new Error('the consumer is closed'), { retriable: false });
    const { drainMs, sessionTimeoutMs } = this.#ports.options;
    this.#generation += 1;
    this.#revokeAll(this.#fenced('the group is being balanced'));
    if (this.#live().length > 0) {
      // A broker that hears nothing for the session timeout gives the partitions away without waiting.
      this.#drainUntil ??= Math.min(this.clock.now() + drainMs, this.#heard + sessionTimeoutMs);
      if (this.clock.now() < this.#drainUntil) {
        throw Object.assign(new Error('its partitions are being drained'), { type: 'REBALANCE_IN_PROGRESS' });
      }
    }
    this.#loseAll(this.#fenced(`its partitions were not given up within ${drainMs} ms`));
    this.#held.clear();
    this.#drainUntil = undefined;
  }

  #joined(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.#joins += 1;
    // Before anything can be fetched: a partition is fetched from its first poll on.
    this.#consumer.pause(
      Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
    );
    this.#assign(assignment, this.#generation).catch((error: unknown) => this.#end(error));
  }

  async #assign(assignment: Readonly<Record<string, readonly number[]>>, generation: number): Promise<void> {
    const { topics, options, group } = this.#ports;
    for (const [topic, partitions] of Object.entries(assignment)) {
      const starts = await startOffsets(topics, options.group === null ? null : group, topic, options.from);
      // Balanced again meanwhile: this assignment is a thing of the past.
      if (generation !== this.#generation || this.#leaving) return;
      for (const partition of partitions) {
        const reader = new PartitionReader(topic, partition, starts[partition] ?? 0, this);
        this.#held.set(keyOf(reader), reader);
        this.#give(reader);
      }
    }
  }

  #take(payload: EachBatchPayload): void {
    const { batch } = payload;
    this.#commitOnce = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    const reader = this.#held.get(keyOf(batch));
    const last = batch.messages.at(-1);
    if (reader === undefined || last === undefined || payload.isStale()) return;
    const records = batch.messages.map((message) => toEnvelope(batch, message));
    // What is not resolved is fetched again.
    if (reader.accept(records, Number(batch.lastOffset()), Number(batch.highWatermark)))
      payload.resolveOffset(last.offset);
  }

  async #watch(): Promise<void> {
    const { stuckMs } = this.#ports.options;
    for (;;) {
      await this.clock.sleep(this.#heartbeatMs, this.#over.signal);
      this.check();
      const stuck = [...this.#held.values()].find((reader) => reader.idleMs() > stuckMs);
      if (stuck === undefined) continue;
      const where = `partition ${stuck.partition} of ${stuck.topic}`;
      const what = `whoever reads ${where} is stuck: nothing was polled or committed for ${stuckMs} ms`;
      this.#end(new SluiceError('KAFKA_FAULT', `${what}; this member leaves the group`));
    }
  }

  #heardFromLibrary(message: string, detail: string): void {
    if (forgotten.test(`${message}: ${detail}`)) this.#loseAll(this.#fenced('the group went on without it'));
    // It says so before it leaves the group, and reports it afterwards, when the partitions may be somebody else's.
    if (message.startsWith('Crash: ')) this.#loseAll(this.#fenced('its connection to Kafka failed'));
  }

  #live(): readonly PartitionReader[] {
    return [...this.#held.values()].filter((each) => this.#given.has(each) && !each.disposed && !each.isLost);
  }

  #revokeAll(reason: unknown): void {
    for (const reader of this.#held.values()) reader.revoke(reason);
  }

  #loseAll(reason: unknown): void {
    for (const reader of this.#held.values()) if (!reader.disposed) reader.lose(reason);
  }

  #fenced(why: string): SluiceError {
    return new SluiceError('KAFKA_FENCED', `this member of group ${this.#ports.group} gives its partitions up: ${why}`);
  }

  async #disconnect(patienceMs: number): Promise<void> {
    const left = this.#consumer.disconnect().catch(() => undefined);
    await this.#within(patienceMs, left);
    this.#sockets.close();
  }

  /** Waits for work, but no longer than so many ms. */
  async #within(ms: number, work: Promise<void>): Promise<void> {
    const settled = new AbortController();
    const late = this.clock.sleep(ms, settled.signal).catch(() => undefined);
    await Promise.race([work, late]);
    settled.abort();
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}
