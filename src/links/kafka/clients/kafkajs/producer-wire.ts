import type { Clock } from '../../../../core/clock.ts';
import type { GroupOffsets, TopicPartition } from '../../client.ts';
import type { Attempts } from '../protocol/attempts.ts';
import type { CommittedPorts } from '../protocol/committed-offsets.ts';
import {
  outcomeOfState,
  type ProducerIdentity,
  type ProducerWire,
  type Shipment,
  type ShipmentOutcome,
  type TransactionalClaim,
  type TransactionIdentity,
  type TransactionOutcome,
} from '../protocol/producer-wire.ts';
import { requestBroker } from './broker-request.ts';
import type { Brokers } from './brokers.ts';
import { faultOf } from './fault.ts';
import { FlexibleWriter } from './flexible-writer.ts';
import { groupOffsets } from './group-offsets.ts';
import { createErrorFromCode, type LibraryBroker, type LibraryTransaction } from './library.ts';
import { produce } from './produce-request.ts';

const describeTransactions = 65;
const transactionalIdNotFound = 105;

/** The requests of a producer, over brokers of its own. */
export class KafkajsWire implements ProducerWire {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly faultOf = faultOf;
  readonly #brokers: Brokers;

  /** @param brokers are closed with it. */
  constructor(brokers: Brokers) {
    this.clock = brokers.clock;
    this.attempts = brokers.attempts;
    this.#brokers = brokers;
  }

  leader(topic: string, partition: number): Promise<number> {
    return this.#brokers.leader(topic, partition);
  }

  async produce(
    leader: number,
    transactionalId: string | null,
    shipments: readonly Shipment[],
  ): Promise<readonly ShipmentOutcome[]> {
    return await produce(await this.#brokers.node(leader), transactionalId, shipments);
  }

  /** By version 4 (https://kafka.apache.org/protocol#The_Messages_InitProducerId): kafkajs's own cannot go on as the same producer. */
  async identity(claim: TransactionalClaim | null): Promise<ProducerIdentity> {
    const { transactionalId, timeoutMs, before } = claim ?? { transactionalId: null, timeoutMs: 0, before: null };
    const { producerId, epoch } = before ?? { producerId: -1n, epoch: -1 };
    const body = new FlexibleWriter().string(transactionalId).int32(timeoutMs).int64(producerId).int16(epoch).end();
    const broker = await (transactionalId === null ? this.#brokers.any() : this.#coordinator(transactionalId));
    const answer = await requestBroker(broker, { name: 'InitProducerId', key: 22, version: 4, body });
    answer.int32();
    const error = answer.int16();
    if (error !== 0) throw createErrorFromCode(error);
    return { producerId: answer.int64(), epoch: answer.int16() };
  }

  /** By version 0 (https://kafka.apache.org/protocol#The_Messages_DescribeTransactions), which brokers have since Kafka 3.0. */
  async outcome(transactionalId: string): Promise<TransactionOutcome | null> {
    const broker = await this.#coordinator(transactionalId);
    if (broker.versions[describeTransactions] === undefined) return null;
    const body = new FlexibleWriter();
    body.array([transactionalId], (id) => body.string(id)).end();
    const request = { name: 'DescribeTransactions', key: describeTransactions, version: 0, body };
    const answer = await requestBroker(broker, request);
    answer.int32();
    const [outcome = null] = answer.array(() => {
      const error = answer.int16();
      answer.string();
      const state = answer.string();
      if (error === transactionalIdNotFound) return null;
      if (error !== 0) throw createErrorFromCode(error);
      return outcomeOfState(state);
    });
    return outcome;
  }

  async session(transactionalId: string): Promise<object> {
    return (await this.#coordinator(transactionalId)).connectionPool.pool[0].socket;
  }

  async addPartitions(to: TransactionIdentity, partitions: readonly TopicPartition[]): Promise<void> {
    const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, parts]) => ({
      topic,
      partitions: parts.map(({ partition }) => partition),
    }));
    const coordinator = await this.#coordinator(to.transactionalId);
    await coordinator.addPartitionsToTxn({ ...transactionOf(to), topics });
  }

  async addGroup(to: TransactionIdentity, group: string): Promise<void> {
    const coordinator = await this.#coordinator(to.transactionalId);
    await coordinator.addOffsetsToTxn({ ...transactionOf(to), groupId: group });
  }

  offsets(group: string, topic: string): CommittedPorts {
    return groupOffsets(this.#brokers, group, topic);
  }

  async commitOffsets(to: TransactionIdentity, { group, offsets }: GroupOffsets): Promise<void> {
    const topics = [...Map.groupBy(offsets, ({ topic }) => topic)].map(([topic, partitions]) => ({
      topic,
      partitions,
    }));
    const coordinator = await this.#brokers.coordinator('group', group);
    await coordinator.txnOffsetCommit({ ...transactionOf(to), groupId: group, topics });
  }

  commit(of: TransactionIdentity): Promise<void> {
    return this.#end(of, true);
  }

  abort(of: TransactionIdentity): Promise<void> {
    return this.#end(of, false);
  }

  close(): Promise<void> {
    return this.#brokers.close();
  }

  async #end(of: TransactionIdentity, transactionResult: boolean): Promise<void> {
    const coordinator = await this.#coordinator(of.transactionalId);
    await coordinator.endTxn({ ...transactionOf(of), transactionResult });
  }

  #coordinator(transactionalId: string): Promise<LibraryBroker> {
    return this.#brokers.coordinator('transaction', transactionalId);
  }
}

function transactionOf({ transactionalId, producerId, epoch }: TransactionIdentity): LibraryTransaction {
  return { transactionalId, producerId: `${producerId}`, producerEpoch: epoch };
}
