import { messageOf, SluiceError } from '../../../../core/error.ts';
import type {
  GroupOffsets,
  PartitionRecords,
  TopicPartition,
  TransactionalOptions,
  TransactionalProducer,
} from '../../client.ts';
import type { BatchCodec } from './batch-codec.ts';
import type { BrokerFault } from './broker-fault.ts';
import { openTransactionMs, settledOffset } from './committed-offsets.ts';
import type {
  ProducerIdentity,
  ProducerWire,
  Shipment,
  TransactionIdentity,
  TransactionOutcome,
} from './producer-wire.ts';
import { encodeBatch } from './record-encoder.ts';
import { together } from './records-together.ts';

/** Writes in transactions; every step waits for the one before it. */
export class TransactionWriter implements TransactionalProducer {
  readonly #wire: ProducerWire;
  readonly #codec: BatchCodec;
  readonly #closed: () => unknown;
  readonly #options: TransactionalOptions;
  readonly #stopped = new AbortController();
  #identity: TransactionIdentity | null = null;
  /** Something failed: the broker has to be asked for another epoch before anything is written. */
  #spoilt = false;
  #dead: SluiceError | null = null;
  /** What became of the last transaction of whoever had the id. */
  #outcome: TransactionOutcome | null = null;
  readonly #sequences = new Map<string, number>();
  /** The connection to the coordinator over which the transaction before was begun; null: there was none. */
  #session: object | null = null;
  #running: Promise<unknown> = Promise.resolve();

  /** @param wire is closed with it. @param closed is told then. */
  constructor(wire: ProducerWire, codec: BatchCodec, options: TransactionalOptions, closed: () => unknown) {
    this.#closed = closed;
    this.#wire = wire;
    this.#codec = codec;
    this.#options = options;
  }

  /** Fences the producer before this one. */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#take(null, signal);
  }

  commit(batches: readonly PartitionRecords[], offsets: readonly GroupOffsets[], signal: AbortSignal): Promise<void> {
    const run = this.#running.then(() => this.#commit(batches, offsets, signal));
    this.#running = run.catch(() => undefined);
    return run;
  }

  async settled(
    group: string,
    place: TopicPartition,
    written: () => Promise<readonly TopicPartition[]>,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { transactionalId, timeoutMs } = this.#options;
    const offsets = this.#wire.offsets(group, place.topic, signal);
    if (this.#outcome === null) {
      const offset = await settledOffset(offsets, place.partition, openTransactionMs, signal);
      if (offset !== undefined) return offset;
    }
    await this.#complete(this.#outcome ?? 'aborted', group, await written(), signal);
    // If it is another producer's, the broker ends it when its time is over.
    const settled = await settledOffset(offsets, place.partition, openTransactionMs + timeoutMs, signal);
    if (settled !== undefined) return settled;
    throw new SluiceError(
      'KAFKA_FAULT',
      `Kafka: the offset of group ${group} for ${place.topic}/${place.partition} is held by a transaction that is not of ${transactionalId} and does not end: find and abort it (kafka-transactions.sh find-hanging)`,
    );
  }

  async close(): Promise<void> {
    await this.#running;
    this.#dead ??= new SluiceError('KAFKA_FAULT', 'Kafka: the producer was closed');
    this.#stopped.abort(this.#dead);
    await this.#wire.close();
    this.#closed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #commit(
    batches: readonly PartitionRecords[],
    offsets: readonly GroupOffsets[],
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#dead !== null) throw this.#dead;
    signal.throwIfAborted();
    const identity = this.#spoilt ? await this.#recover(signal) : this.#connected();
    const written = batches.filter((batch) => batch.records.length > 0);
    const committed = offsets.filter((group) => group.offsets.length > 0);
    if (written.length === 0 && committed.length === 0) return;
    try {
      await this.#addPartitions(identity, written, signal);
      await this.#writeAll(identity, written, committed, signal);
      signal.throwIfAborted();
    } catch (error) {
      if (this.#dead !== null) throw error;
      await this.#abandon(identity, error);
      throw this.#dead ?? error;
    }
    await this.#end(identity);
  }

  /** Ends a transaction of no records, whose markers end what lies open in its partitions. */
  async #complete(
    outcome: TransactionOutcome,
    group: string,
    places: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<void> {
    const identity = this.#connected();
    await this.#addPartitions(identity, places, signal);
    await this.#addGroup(identity, group, signal);
    if (outcome === 'committed') await this.#end(identity);
    else await this.#abort(identity, signal);
  }

  async #addPartitions(
    identity: TransactionIdentity,
    written: readonly TopicPartition[],
    signal: AbortSignal,
  ): Promise<void> {
    if (written.length === 0) return;
    const places = new Map(written.map((place) => [`${place.partition} ${place.topic}`, place]));
    const topics = [...new Set(written.map(({ topic }) => topic))].join(' and ');
    await this.#join(`adding partitions of ${topics} to a transaction`, signal, () =>
      this.#wire.addPartitions(identity, [...places.values()]),
    );
  }

  /** The records and the offsets. While the leaders write the former, the coordinators take the latter. */
  async #writeAll(
    identity: TransactionIdentity,
    batches: readonly PartitionRecords[],
    groups: readonly GroupOffsets[],
    signal: AbortSignal,
  ): Promise<void> {
    const byPartition = Map.groupBy(batches, ({ topic, partition }) => `${partition} ${topic}`);
    // One that fails ends the others, and is waited for: a write that ended late would count in the sequences of the next epoch.
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const offsets = async (): Promise<void> => {
      for (const group of groups) await this.#addOffsets(identity, group, either);
    };
    const work = [...byPartition.values()].map((parts) => this.#writePartition(identity, parts, either));
    const outcomes = await Promise.allSettled(
      [...work, offsets()].map((one) =>
        one.catch((error: unknown) => {
          failed.abort(error);
          throw error;
        }),
      ),
    );
    if (outcomes.some((outcome) => outcome.status === 'rejected')) throw either.reason;
  }

  async #writePartition(
    identity: TransactionIdentity,
    parts: readonly PartitionRecords[],
    signal: AbortSignal,
  ): Promise<void> {
    const [{ topic, partition } = { topic: '', partition: 0 }] = parts;
    const name = `${partition} ${topic}`;
    for (const records of together(parts)) {
      const sequence = this.#sequences.get(name) ?? 0;
      const wall = this.#wire.clock.wall();
      const batch = await encodeBatch(
        records,
        { ...identity, sequence },
        { codec: this.#codec, transactional: true, wall },
      );
      await this.#wire.attempts.run(`writing to partition ${partition} of topic ${topic}`, signal, () =>
        this.#ship({ topic, partition, batch }),
      );
      this.#sequences.set(name, (sequence + records.length) % 0x8000_0000);
    }
  }

  async #ship(shipment: Shipment): Promise<void> {
    const leader = await this.#wire.leader(shipment.topic, shipment.partition);
    const { transactionalId } = this.#options;
    const [outcome] = await this.#wire.produce(leader, transactionalId, [shipment]);
    // Written by an earlier try, whose answer was lost.
    if (outcome && this.#wire.faultOf(outcome).name !== 'DUPLICATE_SEQUENCE_NUMBER') throw outcome;
  }

  async #addOffsets(identity: TransactionIdentity, group: GroupOffsets, signal: AbortSignal): Promise<void> {
    await this.#addGroup(identity, group.group, signal);
    await this.#attempt(`committing offsets of group ${group.group}`, signal, () =>
      this.#wire.commitOffsets(identity, group),
    );
  }

  #addGroup(identity: TransactionIdentity, group: string, signal: AbortSignal): Promise<void> {
    return this.#join(`adding group ${group} to a transaction`, signal, () => this.#wire.addGroup(identity, group));
  }

  /** Commits. Nobody interrupts it: once asked, the broker may have done it. */
  async #end(identity: TransactionIdentity): Promise<void> {
    try {
      const what = `committing a transaction of ${this.#options.transactionalId}`;
      await this.#wire.attempts.run(what, this.#stopped.signal, () => this.#wire.commit(identity), {
        bears: isUnknown,
      });
    } catch (error) {
      // Whether it is committed only the next owner can know, from the offsets that he finds.
      this.#dead = this.#takenAnew(error);
      throw error;
    }
  }

  /** Aborts after a failure, and finds out by it whether somebody else has taken over. */
  async #abandon(identity: TransactionIdentity, error: unknown): Promise<void> {
    this.#spoilt = true;
    // Nobody is there to ask; the broker aborts what is open when its time is over, or the next commit does.
    if (error instanceof SluiceError && error.code === 'KAFKA_UNREACHABLE') return;
    // Why that failed is said by the next commit, which asks again.
    await this.#abort(identity, this.#stopped.signal).catch(() => undefined);
  }

  async #recover(signal: AbortSignal): Promise<TransactionIdentity> {
    const before = this.#identity;
    // Asked for another epoch, the broker ends the open transaction of whoever holds the id, and only then looks whose epoch it was.
    if (before !== null) await this.#abort(before, signal);
    const identity = await this.#orDead(this.#take(before, signal));
    this.#sequences.clear();
    this.#spoilt = false;
    return identity;
  }

  /** Ends what may be open. The broker refuses it to a producer that was fenced, and the successor notices nothing. */
  async #abort(identity: TransactionIdentity, signal: AbortSignal): Promise<void> {
    const what = `aborting a transaction of ${this.#options.transactionalId}`;
    await this.#orDead(this.#wire.attempts.run(what, signal, () => this.#askAbort(identity)));
  }

  async #askAbort(identity: TransactionIdentity): Promise<void> {
    try {
      await this.#wire.abort(identity);
    } catch (error) {
      // Nothing is open.
      if (this.#wire.faultOf(error).name !== 'INVALID_TXN_STATE') throw error;
    }
  }

  async #orDead<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof SluiceError && error.code === 'KAFKA_FENCED') this.#dead = error;
      throw error;
    }
  }

  #connected(): TransactionIdentity {
    if (this.#identity !== null) return this.#identity;
    throw new SluiceError('CONTRACT_BROKEN', 'a transactional producer was not connected');
  }

  async #take(before: ProducerIdentity | null, signal: AbortSignal): Promise<TransactionIdentity> {
    const { transactionalId, timeoutMs } = this.#options;
    const what = `taking over the transactional id ${transactionalId}`;
    const claim = { transactionalId, timeoutMs, before };
    const given = await this.#wire.attempts.run(what, signal, async () => {
      // Afterwards the broker does not know it any more.
      if (before === null) this.#outcome = (await this.#wire.outcome(transactionalId)) ?? this.#outcome;
      return await this.#wire.identity(claim);
    });
    this.#identity = { ...given, transactionalId };
    return this.#identity;
  }

  /**
   * Asks the coordinator for a place in the transaction, which is refused as long as the one before is not ended everywhere. A coordinator
   * that came back in between may have called it ended without its markers: then only the next owner completes it.
   */
  #join(what: string, signal: AbortSignal, ask: () => Promise<void>): Promise<void> {
    return this.#attempt(what, signal, async () => {
      const session = await this.#wire.session(this.#options.transactionalId);
      if (this.#session !== null && this.#session !== session) {
        const lost = new SluiceError(
          'KAFKA_UNREACHABLE',
          'Kafka: the coordinator of transactions was away for a while',
        );
        this.#dead = this.#takenAnew(lost);
        throw lost;
      }
      await ask();
      this.#session = session;
    });
  }

  #takenAnew(error: unknown): SluiceError {
    const { transactionalId } = this.#options;
    const text = `Kafka: the transactional id ${transactionalId} has to be taken over anew: ${messageOf(error)}`;
    return new SluiceError('KAFKA_FENCED', text, { cause: error });
  }

  #attempt(what: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    return this.#wire.attempts.run(`${what} of ${this.#options.transactionalId}`, signal, work);
  }
}

/** What a broker (4.4.0) answers when it stumbles over somebody who takes the id over at this moment; asked again it says which. */
function isUnknown({ name }: BrokerFault): boolean {
  return name === 'UNKNOWN' || name === 'UNKNOWN_SERVER_ERROR';
}
