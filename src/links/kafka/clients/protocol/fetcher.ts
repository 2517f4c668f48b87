import { type ConsumerWire, earliest, type FetchAnswer, type FetchLine } from './consumer-wire.ts';
import type { FetchedPartition } from './fetched-partition.ts';
import { listOffsets } from './list-offsets.ts';
import { decodeRecords } from './record-decoder.ts';

/** Milliseconds for which a nearer broker is read from, as a leader's advice holds no longer than what clients know of a cluster. */
const replicaMs = 300_000;

/** Milliseconds for which a topic's absence is not believed: one that was just made, or a broker that has just come back. */
const missingMs = 3_000;

/** What a fetcher works for. */
export interface FetcherOwner {
  readonly readCommitted: boolean;
  readonly stopped: AbortSignal;
  partitions(): Iterable<FetchedPartition>;
  fail(error: unknown): void;
  /** False when topics come and go, as with a pattern. */
  readonly topicsMustExist: boolean;
}

/**
 * Fetches for the partitions that have room, from the broker of each. A broker may hold a request for a while when there is nothing yet, so
 * that there are two ways to each broker: a partition that has just got room need not wait behind it.
 */
export class Fetcher {
  readonly #wire: ConsumerWire;
  readonly #owner: FetcherOwner;
  /** The brokers that are asked over each line. */
  readonly #lines = [0, 1].map(() => new Set<number>());
  #scheduled = false;
  #turn = 0;

  constructor(wire: ConsumerWire, owner: FetcherOwner) {
    this.#wire = wire;
    this.#owner = owner;
  }

  /** Looks for partitions with room, soon. */
  wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#owner.stopped.aborted) this.#pump();
    });
  }

  #pump(): void {
    const byBroker = new Map<number, FetchedPartition[]>();
    for (const partition of this.#owner.partitions()) {
      if (!partition.hungry) continue;
      const broker = this.#brokerOf(partition);
      if (broker < 0) {
        void this.#guarded(`the leader of ${nameOf(partition)}`, [partition], async () => {
          await this.#wire.leader(partition.topic, partition.partition);
        });
        continue;
      }
      byBroker.set(broker, [...(byBroker.get(broker) ?? []), partition]);
    }
    for (const [broker, partitions] of byBroker) {
      const line = this.#lines.findIndex((busy) => !busy.has(broker));
      const busy = this.#lines[line];
      if (busy === undefined) continue;
      busy.add(broker);
      // A full answer holds the first ones only: each is first in its turn.
      this.#turn = (this.#turn + 1) % partitions.length;
      const order = [...partitions.slice(this.#turn), ...partitions.slice(0, this.#turn)];
      void this.#guarded(`broker ${broker}`, order, () => this.#fetch(line as FetchLine, broker, order)).finally(() =>
        busy.delete(broker),
      );
    }
  }

  /** -1: not known. */
  #brokerOf(partition: FetchedPartition): number {
    const { replica, topic } = partition;
    if (replica !== null && this.#wire.clock.now() < replica.until) return replica.broker;
    partition.replica = null;
    return this.#wire.knownLeader(topic, partition.partition) ?? -1;
  }

  /** Marks partitions as under way; after a failure they come again a little later, until `retryMs` is over. */
  async #guarded(what: string, partitions: readonly FetchedPartition[], work: () => Promise<void>): Promise<void> {
    for (const partition of partitions) partition.fetching = true;
    try {
      await work();
    } catch (error) {
      await this.#failed(what, partitions, error);
    } finally {
      for (const partition of partitions) partition.fetching = false;
      this.wake();
    }
  }

  async #failed(what: string, partitions: readonly FetchedPartition[], error: unknown): Promise<void> {
    if (this.#owner.stopped.aborted) return;
    const { clock, retryMs } = this.#wire;
    const fault = this.#wire.faultOf(error);
    const now = clock.now();
    const missing = fault.code === 'KAFKA_TOPIC_MISSING';
    let over = fault.kind === 'final';
    for (const partition of partitions) {
      const since = partition.failing?.since ?? now;
      const missingSince = missing ? (partition.failing?.missingSince ?? now) : null;
      partition.failing = { since, missingSince };
      over ||= now - since >= retryMs || (missingSince !== null && now - missingSince >= missingMs);
      // The leader has it in any case.
      partition.replica = null;
    }
    if (over && (!missing || this.#owner.topicsMustExist)) {
      this.#owner.fail(this.#wire.attempts.error(`fetching from ${what}`, error));
      return;
    }
    this.#wire.forget();
    await clock.sleep(100, this.#owner.stopped).catch(() => undefined);
  }

  async #fetch(line: FetchLine, broker: number, partitions: readonly FetchedPartition[]): Promise<void> {
    const positions = partitions.map((one) => ({
      topic: one.topic,
      partition: one.partition,
      offset: one.fetchOffset,
      maxBytes: one.room,
    }));
    const answers = await this.#wire.fetch(line, broker, positions, this.#owner.readCommitted);
    // At once: each that fails is waited for.
    await Promise.all(
      partitions.map(async (partition) => {
        const answer = answers.find((one) => one.partition === partition.partition && one.topic === partition.topic);
        if (answer !== undefined) await this.#take(partition, answer);
      }),
    );
  }

  async #take(partition: FetchedPartition, answer: FetchAnswer): Promise<void> {
    const { topic } = partition;
    if (answer.errorCode === 0) {
      partition.failing = null;
      if (answer.preferredReplica >= 0)
        partition.replica = { broker: answer.preferredReplica, until: this.#wire.clock.now() + replicaMs };
      const { aborted, records } = answer;
      const { messages, next } = await decodeRecords(this.#wire, records, partition, partition.fetchOffset, aborted);
      partition.add(messages, next, this.#owner.readCommitted ? answer.lastStableOffset : answer.highWatermark);
      return;
    }
    const error = this.#wire.errorOf(answer.errorCode);
    if (this.#wire.faultOf(error).name !== 'OFFSET_OUT_OF_RANGE') {
      await this.#failed(nameOf(partition), [partition], error);
    } else if (partition.replica !== null) {
      // A follower may be behind its leader.
      partition.replica = null;
    } else {
      const [offset] = await listOffsets(
        this.#wire,
        topic,
        [partition.partition],
        earliest,
        false,
        this.#owner.stopped,
      );
      partition.move(offset ?? 0);
    }
  }
}

function nameOf({ topic, partition }: FetchedPartition): string {
  return `partition ${partition} of topic ${topic}`;
}
