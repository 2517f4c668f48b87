import type { Clock } from '../../../../core/clock.ts';
import type { GroupOffsets, TopicPartition } from '../../client.ts';
import type { Attempts } from './attempts.ts';
import type { BrokerFault } from './broker-fault.ts';
import type { CommittedPorts } from './committed-offsets.ts';

/** By what brokers know a producer, and an older one of the same name. */
export interface ProducerIdentity {
  readonly producerId: bigint;
  readonly epoch: number;
}

/** The producer of a transaction. */
export interface TransactionIdentity extends ProducerIdentity {
  readonly transactionalId: string;
}

/** What an identity is asked for by. */
export interface TransactionalClaim {
  readonly transactionalId: string;
  /** Milliseconds after which the broker aborts a transaction that nobody ends. */
  readonly timeoutMs: number;
  /**
   * Null: fences whoever holds the id. Else: goes on after an error as the same producer, and is refused when another one has taken
   * over. Either way a transaction that was open is ended first.
   */
  readonly before: ProducerIdentity | null;
}

/** What a broker has done, or does, with the last transaction of an id. */
export type TransactionOutcome = 'committed' | 'aborted';

/**
 * Reads the name that a broker gives to the state of a transactional id
 * (https://kafka.apache.org/protocol#The_Messages_DescribeTransactions): whoever takes the id over has the broker abort what is open.
 */
export function outcomeOfState(state: string | null): TransactionOutcome | null {
  if (state === 'PrepareCommit' || state === 'CompleteCommit') return 'committed';
  return state === 'Empty' || state === 'Dead' ? null : 'aborted';
}

/** An encoded batch on its way to the leader of its partition. */
export interface Shipment extends TopicPartition {
  readonly batch: Buffer;
}

/** What became of a shipment: null when it is written, else the broker's error. */
export type ShipmentOutcome = Error | null;

/** Milliseconds that a leader waits for its followers. */
export const ackTimeoutMs = 20_000;
/** Milliseconds that the answer to records is waited for: longer than the leader may wait. */
export const produceTimeoutMs = 30_000;

/**
 * A producer's connections, and the requests that it makes over them: what an adapter gives of its library. Each request is one try,
 * which rejects with whatever the library throws; `faultOf` reads that, and `attempts` tries again.
 */
export interface ProducerWire {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly faultOf: (error: unknown) => BrokerFault;
  leader(topic: string, partition: number): Promise<number>;
  /** One outcome for each shipment, in their order. Rejects when nobody knows what became of them. */
  produce(
    leader: number,
    transactionalId: string | null,
    shipments: readonly Shipment[],
  ): Promise<readonly ShipmentOutcome[]>;
  /** @param claim null: a new identity, for a producer without transactions. */
  identity(claim: TransactionalClaim | null): Promise<ProducerIdentity>;
  /** What becomes of the last transaction of an id when it is taken over; null: nothing is known of one. */
  outcome(transactionalId: string): Promise<TransactionOutcome | null>;
  /** What stands for the connection to the coordinator of an id: another one as soon as it was made anew. */
  session(transactionalId: string): Promise<object>;
  addPartitions(to: TransactionIdentity, partitions: readonly TopicPartition[]): Promise<void>;
  addGroup(to: TransactionIdentity, group: string): Promise<void>;
  /** What reads the offsets that the group has committed for a topic. */
  offsets(group: string, topic: string, signal: AbortSignal): CommittedPorts;
  /** Without a member of the group: the transactional id is what fences, one per input partition. */
  commitOffsets(to: TransactionIdentity, offsets: GroupOffsets): Promise<void>;
  /** Commits the transaction. */
  commit(of: TransactionIdentity): Promise<void>;
  /** Aborts it; refused with INVALID_TXN_STATE when none is open. */
  abort(of: TransactionIdentity): Promise<void>;
  close(): Promise<void>;
}
