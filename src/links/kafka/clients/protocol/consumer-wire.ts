import type { Clock } from '../../../../core/clock.ts';
import type { TopicPartition } from '../../client.ts';
import type { Attempts } from './attempts.ts';
import type { BrokerFault } from './broker-fault.ts';
import type { CommittedPorts } from './committed-offsets.ts';

/** What is asked of one partition. */
export interface FetchPosition extends TopicPartition {
  readonly offset: number;
  readonly maxBytes: number;
}

/** What one partition answers. */
export interface FetchAnswer extends TopicPartition {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** A broker nearer to us that has the partition too; -1: none. */
  readonly preferredReplica: number;
  /** Record batches, in one piece. */
  readonly records: Buffer;
}

/** A transaction whose records are not to be seen. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** Kafka's timestamp for the first offset. */
export const earliest = -2;
/** The same for the end of what is read: the last stable offset where only committed records are. */
export const latest = -1;

/** Milliseconds that a broker waits for the first record. */
export const fetchWaitMs = 200;
/** Milliseconds that an answer with records is waited for. */
export const fetchTimeoutMs = 15_000;
/** Bytes that an answer has at the most, but for a single larger batch. */
export const fetchBytes = 64 * 1024 * 1024;

/** A member and the topics that it wants. */
export interface Subscriber {
  readonly memberId: string;
  readonly topics: readonly string[];
}

/** By what a group knows one of its members. */
export interface Membership {
  readonly group: string;
  readonly memberId: string;
  readonly generation: number;
}

export interface JoinRequest {
  readonly group: string;
  /** Empty for a new member, which the group then names. */
  readonly memberId: string;
  readonly topics: readonly string[];
  /** The names of the ways of dealing partitions that the member can do, the best first. */
  readonly protocols: readonly string[];
  /** Milliseconds after which a member that is not heard of is given up. */
  readonly sessionTimeoutMs: number;
  /** Milliseconds that the group waits for its members to join again. */
  readonly rebalanceTimeoutMs: number;
}

export interface JoinAnswer {
  readonly memberId: string;
  readonly generation: number;
  /** All members, where this one is to deal the partitions; else null. */
  readonly members: readonly Subscriber[] | null;
}

/** Of the two connections to a broker over which records are fetched. */
export type FetchLine = 0 | 1;

/**
 * A consumer's connections, and the requests that it makes over them: what an adapter gives of its library. Each request is one try,
 * which rejects with whatever the library throws; `faultOf` reads that, and `attempts` tries again. A broker answers a connection in order:
 * joining, which waits for other members, and each line of fetching have one of their own.
 */
export interface ConsumerWire {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly faultOf: (error: unknown) => BrokerFault;
  /** The library's error for a number of Kafka's. */
  readonly errorOf: (code: number) => Error;
  /** Milliseconds that brokers may be away. */
  readonly retryMs: number;
  /** Forgets who leads and coordinates, so that the next request asks again. */
  forget(): void;
  /** The leader of each partition of a topic, asked anew; -1 where there is none at the moment. */
  leaders(topic: string): Promise<readonly number[]>;
  /** The same of every topic that is not internal. */
  allLeaders(): Promise<ReadonlyMap<string, readonly number[]>>;
  leader(topic: string, partition: number): Promise<number>;
  /** The leader, if it is known without asking. */
  knownLeader(topic: string, partition: number): number | undefined;
  /**
   * The first offset of each partition that is as late as a timestamp; -1 where none is.
   * @param timestamp ms since 1970, or `earliest` or `latest`.
   */
  listOffsets(
    leader: number,
    topic: string,
    partitions: readonly number[],
    timestamp: number,
    committed: boolean,
  ): Promise<ReadonlyMap<number, number>>;
  /** What reads the offsets that the group has committed for a topic. */
  offsets(group: string, topic: string, signal: AbortSignal): CommittedPorts;
  fetch(
    line: FetchLine,
    broker: number,
    positions: readonly FetchPosition[],
    committed: boolean,
  ): Promise<readonly FetchAnswer[]>;
  /** @param codec Kafka's number of it, not 0. */
  decompress(codec: number, bytes: Buffer): Promise<Buffer>;
  /** Resolves when all members have joined. */
  join(request: JoinRequest): Promise<JoinAnswer>;
  /**
   * Tells the group what was dealt to each member, and what this one has got.
   * @param dealt null where another member deals.
   */
  sync(
    member: Membership,
    dealt: ReadonlyMap<string, readonly TopicPartition[]> | null,
  ): Promise<readonly TopicPartition[]>;
  heartbeat(member: Membership): Promise<void>;
  commit(member: Membership, place: TopicPartition, offset: number): Promise<void>;
  leave(member: Membership): Promise<void>;
  close(): Promise<void>;
}
