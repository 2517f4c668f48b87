import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { AssignedPartition, ConsumerOptions, KafkaConsumer, TopicPartition } from '../../client.ts';
import type { ConsumerWire } from './consumer-wire.ts';
import { FetchedPartition } from './fetched-partition.ts';
import { Fetcher } from './fetcher.ts';
import { GroupMember } from './group-member.ts';
import { startOffsets, subscribedTopics } from './subscription.ts';
import { isAborted, until } from './until.ts';

/** Milliseconds between two looks at the topics: new ones of a pattern, new partitions. */
const lookMs = 3_000;

/**
 * Reads the partitions that its group gives it, or all. A generation of the group goes: join, hand out, wait for what ends it, revoke,
 * drain, join again.
 */
export class FetchingConsumer implements KafkaConsumer {
  readonly clock: Clock;
  readonly #wire: ConsumerWire;
  readonly #options: ConsumerOptions;
  readonly #onClosed: () => unknown;
  readonly #member: GroupMember | null;
  readonly #fetcher: Fetcher;
  /** Aborts when the consumer ends, by `close` or by a failure. */
  readonly #stopped = new AbortController();
  readonly #closing = new AbortController();
  #held: FetchedPartition[] = [];
  #offered: FetchedPartition[] = [];
  #topics: ReadonlyMap<string, number> = new Map();
  #joins = 0;
  #failure: SluiceError | null = null;
  #ended = false;
  #news = Promise.withResolvers<void>();
  #generation: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  #closed: Promise<void> | null = null;

  /**
   * @param wire is closed with it.
   * @param onClosed is told when it is closed.
   */
  constructor(wire: ConsumerWire, options: ConsumerOptions, onClosed: () => unknown) {
    this.clock = wire.clock;
    this.#wire = wire;
    this.#options = options;
    this.#onClosed = onClosed;
    const { group, sessionTimeoutMs, drainMs } = options;
    this.#member = group === null ? null : new GroupMember(wire, { group, sessionTimeoutMs, drainMs });
    this.#fetcher = new Fetcher(wire, {
      readCommitted: options.readCommitted,
      stopped: this.#stopped.signal,
      partitions: () => this.#held,
      fail: (error) => this.#fail(error),
      topicsMustExist: !(options.topics instanceof RegExp),
    });
  }

  get rebalances(): number {
    return Math.max(0, this.#joins - 1);
  }

  get paused(): number {
    return this.#held.filter((partition) => partition.full && !partition.released).length;
  }

  get bufferBytes(): number {
    return this.#options.bufferBytes;
  }

  /** Finds the topics and begins; partitions come when the group has agreed. */
  async start(signal: AbortSignal): Promise<void> {
    this.#topics = await subscribedTopics(this.#wire, this.#options.topics, signal);
    this.#running = (this.#member === null ? this.#runAlone() : this.#runGroup(this.#member)).catch(
      (error: unknown) => {
        if (!this.#closing.signal.aborted) this.#fail(error);
      },
    );
    void this.#watch(this.#look.bind(this), lookMs);
    if (this.#member !== null) void this.#watch(this.#findStuck.bind(this), Math.min(1_000, this.#options.stuckMs / 4));
  }

  async *assignments(signal: AbortSignal): AsyncGenerator<AssignedPartition> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#failure !== null) throw this.#failure;
      const next = this.#offered.shift();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else await until(signal, this.#news.promise);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  wake(): void {
    this.#fetcher.wake();
  }

  released(): void {
    this.#tell();
  }

  check(): void {
    if (this.#member?.silent === true) this.#lose(lostBy('this member was not heard of for longer than its session'));
  }

  async commit(partition: FetchedPartition, offset: number): Promise<void> {
    if (this.#member === null) return;
    try {
      await this.#member.commit(partition, offset, partition.lost);
    } catch (error) {
      const fault = this.#wire.attempts.error(`committing offset ${offset}`, error);
      if (fault.code === 'KAFKA_FENCED' && !partition.lost.aborted) this.#lose(lostBy(fault.message));
      throw fault;
    }
  }

  async #runGroup(member: GroupMember): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const generation = new AbortController();
      this.#generation = generation;
      const end = (): void => generation.abort(new Error('the generation is over'));
      this.#closing.signal.addEventListener('abort', end, { once: true });
      const assigned = await member.join([...this.#topics.keys()], this.#closing.signal);
      this.#joins += 1;
      member.beat({
        rebalancing: end,
        lost: (why) => this.#lose(lostBy(why)),
        failed: (error) => this.#fail(error),
      });
      await this.#handOut(assigned, generation.signal).catch((error: unknown) => {
        if (!generation.signal.aborted) throw error;
      });
      await aborted(generation.signal);
      await this.#drain();
      member.stopBeating();
      this.#closing.signal.removeEventListener('abort', end);
      if (this.#closing.signal.aborted) return;
      this.#topics = await subscribedTopics(this.#wire, this.#options.topics, this.#closing.signal);
    }
  }

  async #runAlone(): Promise<void> {
    this.#joins = 1;
    await this.#handOut(allPartitions(this.#topics, new Map()), this.#closing.signal);
    await aborted(this.#closing.signal);
    await this.#drain();
  }

  async #handOut(assigned: readonly TopicPartition[], signal: AbortSignal): Promise<void> {
    const starts = await startOffsets(this.#wire, assigned, this.#options, signal);
    if (isAborted(signal)) return;
    const fresh = starts.map(({ topic, partition, start }) => new FetchedPartition(this, topic, partition, start));
    this.#held = [...this.#held.filter((partition) => !partition.released), ...fresh];
    this.#offered.push(...fresh);
    this.#tell();
  }

  /** Takes everything back; what is not given back in time is lost. */
  async #drain(): Promise<void> {
    const offered = new Set(this.#offered.splice(0));
    const reason = new SluiceError(
      'KAFKA_FENCED',
      'Kafka: the partition was given up, as its consumer is being closed or its group balanced',
    );
    for (const partition of this.#held) {
      partition.revoke(reason);
      // Nobody has seen it yet, so nobody can give it back.
      if (offered.has(partition)) await partition[Symbol.asyncDispose]();
    }
    const timer = new AbortController();
    const over = this.#later(this.#options.drainMs, timer.signal);
    while (this.#held.some((partition) => !partition.released && !partition.lost.aborted)) {
      if ((await Promise.race([this.#news.promise, over])) === 'over') break;
    }
    timer.abort(new Error('drained'));
    const tooLate = new SluiceError('KAFKA_FENCED', 'Kafka: the partition was not given back in time, and is lost');
    for (const partition of this.#held) if (!partition.released) partition.lose(tooLate);
    this.#held = [];
  }

  async #later(ms: number, signal: AbortSignal): Promise<'over'> {
    await this.clock.sleep(ms, signal).catch(() => undefined);
    return 'over';
  }

  #lose(reason: SluiceError): void {
    for (const partition of this.#held) partition.lose(reason);
    this.#generation?.abort(reason);
    this.#tell();
  }

  #fail(error: unknown): void {
    if (this.#failure !== null || this.#closing.signal.aborted) return;
    const failure = this.#wire.attempts.error('consuming', error);
    this.#failure = failure;
    this.#offered = [];
    for (const partition of this.#held) partition.fail(failure);
    // Without a group nobody else has them.
    this.#lose(this.#member === null ? failure : lostBy(failure.message));
    void this.close();
  }

  async #close(): Promise<void> {
    this.#closing.abort(new SluiceError('KAFKA_FAULT', 'Kafka: the consumer was closed'));
    await this.#running;
    // After a failure while nothing was assigned anew, what is held has not been drained.
    await this.#drain();
    this.#stopped.abort(this.#closing.signal.reason);
    await this.#member?.leave();
    await this.#wire.close();
    this.#onClosed();
    this.#ended = true;
    this.#tell();
  }

  async #watch(look: () => Promise<void>, everyMs: number): Promise<void> {
    const { signal } = this.#closing;
    while (!isAborted(signal)) {
      await this.clock.sleep(everyMs, signal).catch(() => undefined);
      if (isAborted(signal)) return;
      await look().catch((error: unknown) => {
        if (!isAborted(signal)) this.#fail(error);
      });
    }
  }

  /** A changed subscription balances the group; without one what is new is handed out. */
  async #look(): Promise<void> {
    const before = this.#topics;
    const now = await subscribedTopics(this.#wire, this.#options.topics, this.#closing.signal);
    if (before !== this.#topics || sameTopics(before, now)) return;
    this.#topics = now;
    if (this.#member === null) await this.#handOut(allPartitions(now, before), this.#closing.signal);
    else this.#generation?.abort(new Error('the topics have changed'));
  }

  async #findStuck(): Promise<void> {
    const { stuckMs } = this.#options;
    const stuck = this.#held.find((partition) => partition.stuck(this.clock.now(), stuckMs));
    if (stuck === undefined) return;
    throw new SluiceError(
      'KAFKA_FAULT',
      `Kafka: partition ${stuck.partition} of topic ${stuck.topic} has had records for ${stuckMs} ms and neither asked for more nor committed; the member leaves its group`,
    );
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }
}

/** The group has, or may have, given the partitions to others. */
function lostBy(why: string): SluiceError {
  return new SluiceError('KAFKA_FENCED', `Kafka: the partition is lost: ${why}`);
}

/** The partitions of `topics` that are not among those of `before`. */
function allPartitions(
  topics: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
): readonly TopicPartition[] {
  return [...topics].flatMap(([topic, count]) => {
    const known = before.get(topic) ?? 0;
    return Array.from({ length: Math.max(0, count - known) }, (_, index) => ({ topic, partition: known + index }));
  });
}

function sameTopics(one: ReadonlyMap<string, number>, other: ReadonlyMap<string, number>): boolean {
  return one.size === other.size && [...one].every(([topic, count]) => other.get(topic) === count);
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
