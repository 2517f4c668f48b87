import { SluiceError } from '../../../src/core/error.ts';
import type {
  AssignedPartition,
  ConsumerOptions,
  KafkaConsumer,
  TopicPartition,
} from '../../../src/links/kafka/client.ts';
import { Bell } from './bell.ts';
import type { Cluster } from './cluster.ts';
import { type AssignmentOwner, MemoryAssignment } from './memory-assignment.ts';
import type { GroupMember, MemoryGroup } from './memory-group.ts';
import type { MemoryProcess } from './memory-process.ts';
import type { LogEntry } from './partition-log.ts';

const never = new AbortController().signal;

/** A member of a group, or a reader of all partitions. */
export class MemoryConsumer implements KafkaConsumer, GroupMember, AssignmentOwner {
  readonly process: MemoryProcess;
  readonly options: ConsumerOptions;
  failure: Error | undefined;
  readonly #cluster: Cluster;
  readonly #group: MemoryGroup | null;
  readonly #salt: number;
  readonly #held = new Set<MemoryAssignment>();
  readonly #bell = new Bell();
  readonly #watch = (topic: string): void => this.#topicChanged(topic);
  #waiting: MemoryAssignment[] = [];
  #generation = -1;
  #balanced = 0;
  #drain: AbortController | undefined;
  #watchdogs = new Map<MemoryAssignment, AbortController>();
  #asked = false;
  #closing = false;
  #ended = false;

  constructor(cluster: Cluster, process: MemoryProcess, options: ConsumerOptions) {
    this.process = process;
    this.options = options;
    this.#cluster = cluster;
    this.#group = options.group === null ? null : cluster.group(options.group);
    this.#salt = cluster.options.random?.() ?? 0.5;
  }

  get rebalances(): number {
    return Math.max(0, this.#balanced - 1);
  }

  get paused(): number {
    return [...this.#held].filter(({ full }) => full).length;
  }

  get drained(): boolean {
    return this.#held.size === 0;
  }

  /** Begins to take part. */
  join(): void {
    if (Array.isArray(this.options.topics)) for (const topic of this.options.topics) this.#cluster.logs(topic);
    this.#cluster.watchers.add(this.#watch);
    if (this.#group === null) this.assign(0, this.wants());
    else this.#group.join(this);
  }

  async *assignments(signal: AbortSignal): AsyncIterable<AssignedPartition> {
    if (this.#asked) throw new SluiceError('CONTRACT_BROKEN', 'the assignments of a consumer are asked for once');
    this.#asked = true;
    for (;;) {
      signal.throwIfAborted();
      await this.process.step();
      if (this.failure !== undefined) throw this.failure;
      const next = this.#waiting.shift();
      if (next !== undefined) {
        next.taken = true;
        yield next;
      } else if (this.#ended) return;
      else await this.#bell.heard([signal, this.process.dead]);
    }
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#closing = true;
    this.#cluster.watchers.delete(this.#watch);
    this.revoke();
    try {
      while (this.#held.size > 0) await this.#bell.heard([this.process.dead]);
      await this.process.step();
    } catch {
      // Killed: the group finds out by its session.
      return;
    } finally {
      this.#ended = true;
      this.#bell.ring();
    }
    this.#group?.leave(this);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  wants(): readonly TopicPartition[] {
    const { topics } = this.options;
    const names = topics instanceof RegExp ? this.#cluster.topics.filter((name) => matches(topics, name)) : topics;
    return names
      .toSorted()
      .flatMap((topic) => (this.#cluster.find(topic) ?? []).map(({ partition }) => ({ topic, partition })));
  }

  revoke(): void {
    for (const unseen of this.#waiting.splice(0)) this.#held.delete(unseen);
    for (const held of this.#held) held.revoke();
    if (this.#held.size === 0 || this.#drain !== undefined) {
      this.#bell.ring();
      return;
    }
    this.#drain = new AbortController();
    const late = (): void => this.#lose('it was not given up in time');
    this.#cluster.options.clock.sleep(this.options.drainMs, this.#drain.signal).then(late, () => undefined);
  }

  assign(generation: number, partitions: readonly TopicPartition[]): void {
    this.#generation = generation;
    this.#balanced += 1;
    // Who is about to leave holds nothing of what a balance under way still deals to it.
    if (!this.#closing) for (const at of partitions) this.#add(at);
    this.#bell.ring();
  }

  leaks(entry: LogEntry): boolean {
    if (!this.#cluster.options.leakAborted || entry.state !== 'aborted') return false;
    return ((entry.offset + 1) * 0.6180339887 + this.#salt) % 1 < 0.5;
  }

  commit(at: TopicPartition, offset: number): void {
    this.#group?.commit(this, this.#generation, at, offset);
  }

  released(assignment: MemoryAssignment): void {
    this.#stopWatching(assignment);
    this.#held.delete(assignment);
    if (this.#held.size === 0) this.#drained();
  }

  alive(assignment: MemoryAssignment): void {
    if (!this.#cluster.options.watchdog || !this.#held.has(assignment)) return;
    this.#stopWatching(assignment);
    const watchdog = new AbortController();
    this.#watchdogs.set(assignment, watchdog);
    const stuck = (): void => {
      if (this.#held.has(assignment) && assignment.position > assignment.start) {
        const { topic, partition } = assignment;
        this.fail(new SluiceError('KAFKA_FAULT', `the holder of ${topic}/${partition} is stuck; the member has left`));
      }
    };
    this.#cluster.options.clock.sleep(this.options.stuckMs, watchdog.signal).then(stuck, () => undefined);
  }

  /** Ends this consumer for ever. */
  fail(error: Error): void {
    if (this.failure !== undefined || this.#ended) return;
    this.failure = error;
    this.#cluster.watchers.delete(this.#watch);
    this.#lose('the consumer has failed');
    this.#group?.leave(this);
    this.#bell.ring();
  }

  /** The process was frozen or killed: the group takes it for dead when its session is over. */
  silent(): void {
    void this.#leaveAfterSession();
    if (this.process.dead.aborted) this.#lose('the process was killed');
  }

  /** The process runs again. Expelled meanwhile: what it held is lost, and it joins anew. */
  awake(): void {
    if (this.#group === null || this.#ended || this.failure !== undefined) return;
    if (!this.#group.has(this)) {
      this.#lose('the member was not heard of');
      this.#group.join(this);
    }
    this.#group.look();
  }

  async #leaveAfterSession(): Promise<void> {
    const { freezes } = this.process;
    await this.#cluster.options.clock.sleep(this.options.sessionTimeoutMs, never);
    const still = this.process.dead.aborted || (this.process.frozen && this.process.freezes === freezes);
    if (still) this.#group?.leave(this);
  }

  #add(at: TopicPartition): void {
    const log = this.#cluster.log(at);
    const committed = this.#group?.committed.get(at);
    const fresh = this.options.from === 'earliest' ? log.start : log.end;
    const start =
      committed === undefined ? fresh : committed < log.start || committed > log.end ? log.start : committed;
    const assignment = new MemoryAssignment(this.#cluster, this, log, start);
    this.#held.add(assignment);
    this.#waiting.push(assignment);
  }

  #lose(reason: string): void {
    this.#waiting = [];
    for (const held of this.#held) {
      this.#stopWatching(held);
      held.lose(reason);
    }
    this.#held.clear();
    this.#drained();
  }

  #drained(): void {
    this.#drain?.abort();
    this.#drain = undefined;
    this.#bell.ring();
    this.#group?.look();
  }

  #stopWatching(assignment: MemoryAssignment): void {
    this.#watchdogs.get(assignment)?.abort();
    this.#watchdogs.delete(assignment);
  }

  #topicChanged(topic: string): void {
    const { topics } = this.options;
    const gone = this.#cluster.find(topic) === undefined;
    if (!(topics instanceof RegExp)) {
      if (gone && topics.includes(topic)) {
        this.fail(new SluiceError('KAFKA_TOPIC_MISSING', `the topic ${topic} was removed`));
      }
    } else if (matches(topics, topic)) {
      if (this.#group !== null) this.#group.balance();
      else if (!gone) {
        for (const { partition } of this.#cluster.logs(topic)) this.#add({ topic, partition });
        this.#bell.ring();
      }
    }
  }
}

/** Without the state that a global or sticky pattern keeps between calls. */
function matches(pattern: RegExp, name: string): boolean {
  pattern.lastIndex = 0;
  return !name.startsWith('__') && pattern.test(name);
}
