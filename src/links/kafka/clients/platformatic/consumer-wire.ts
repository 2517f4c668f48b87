import type { ConnectionPool } from '@platformatic/kafka';
import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { TopicPartition } from '../../client.ts';
import type { Attempts } from '../protocol/attempts.ts';
import type { CommittedPorts } from '../protocol/committed-offsets.ts';
import {
  type ConsumerWire,
  type FetchAnswer,
  type FetchLine,
  type FetchPosition,
  fetchTimeoutMs,
  type JoinAnswer,
  type JoinRequest,
  type Membership,
} from '../protocol/consumer-wire.ts';
import { faultOf } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';
import { fetchRecords } from './fetch-request.ts';
import { groupOffsets } from './group-offsets.ts';
import { requestOffsets } from './list-offsets.ts';

const joinTimeoutMs = 300_000;

/** The requests of a consumer, over connections of its own. */
export class PlatformaticConsumerWire implements ConsumerWire {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly faultOf = faultOf;
  readonly retryMs: number;
  readonly #cluster: Cluster;
  readonly #group: ConnectionPool;
  readonly #joining: ConnectionPool;
  readonly #lines: readonly [ConnectionPool, ConnectionPool];

  constructor(cluster: Cluster, sessionTimeoutMs: number) {
    this.clock = cluster.clock;
    this.attempts = cluster.attempts;
    this.retryMs = cluster.connection.retryMs;
    this.#cluster = cluster;
    this.#group = cluster.pool(Math.max(5_000, sessionTimeoutMs));
    this.#joining = cluster.pool(joinTimeoutMs);
    this.#lines = [cluster.pool(fetchTimeoutMs), cluster.pool(fetchTimeoutMs)];
  }

  errorOf(code: number): Error {
    return new this.#cluster.library.ProtocolError(code);
  }

  forget(): void {
    this.#cluster.forget();
  }

  leaders(topic: string): Promise<readonly number[]> {
    return this.#cluster.leaders(topic);
  }

  allLeaders(): Promise<ReadonlyMap<string, readonly number[]>> {
    return this.#cluster.metadata(null);
  }

  leader(topic: string, partition: number): Promise<number> {
    return this.#cluster.leader(topic, partition);
  }

  knownLeader(topic: string, partition: number): number | undefined {
    return this.#cluster.knownLeader(topic, partition);
  }

  listOffsets(
    leader: number,
    topic: string,
    partitions: readonly number[],
    timestamp: number,
    committed: boolean,
  ): Promise<ReadonlyMap<number, number>> {
    return requestOffsets(this.#cluster, leader, topic, partitions, timestamp, committed);
  }

  offsets(group: string, topic: string, signal: AbortSignal): CommittedPorts {
    return groupOffsets(this.#cluster, group, topic, signal);
  }

  fetch(
    line: FetchLine,
    broker: number,
    positions: readonly FetchPosition[],
    committed: boolean,
  ): Promise<readonly FetchAnswer[]> {
    return fetchRecords(this.#cluster, this.#lines[line], broker, positions, committed);
  }

  async decompress(id: number, bytes: Buffer): Promise<Buffer> {
    const codec = this.#cluster.library.compressionsAlgorithmsByBitmask[id];
    if (codec === undefined)
      throw new SluiceError('KAFKA_FAULT', `Kafka: records are compressed by an unknown codec, ${id}`);
    return codec.decompressSync(bytes);
  }

  /** Version 6 (https://kafka.apache.org/protocol#The_Messages_JoinGroup). A new member is named by a first answer, and joins by a second. */
  async join(request: JoinRequest): Promise<JoinAnswer> {
    const { library } = this.#cluster;
    const { group, sessionTimeoutMs, rebalanceTimeoutMs, topics } = request;
    const metadata = library.encodeConsumerProtocolSubscription({ version: 1, topics: [...topics] });
    const protocols = request.protocols.map((name) => ({ name, metadata }));
    const { api } = library.joinGroupV6;
    const ask = async (memberId: string) => {
      const coordinator = await this.#cluster.coordinator('group', group, this.#joining);
      return await api.async(
        coordinator,
        group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        null,
        'consumer',
        protocols,
      );
    };
    const joined = await ask(request.memberId).catch((error: unknown) => {
      const { memberId } = (error as { response?: { memberId?: string } }).response ?? {};
      if (faultOf(error).name !== 'MEMBER_ID_REQUIRED' || !memberId) throw error;
      return ask(memberId);
    });
    const members = joined.members.map(({ memberId, metadata: wanted }) => ({
      memberId,
      topics: library.decodeConsumerProtocolSubscription(wanted).topics,
    }));
    const { memberId, generationId: generation, leader } = joined;
    return { memberId, generation, members: leader === memberId ? members : null };
  }

  async sync(
    { group, generation, memberId }: Membership,
    dealt: ReadonlyMap<string, readonly TopicPartition[]> | null,
  ): Promise<readonly TopicPartition[]> {
    const { library } = this.#cluster;
    const assignments = [...(dealt ?? [])].map(([id, places]) => ({
      memberId: id,
      assignment: library.encodeConsumerProtocolAssignment({
        version: 1,
        assignedPartitions: [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, parts]) => ({
          topic,
          partitions: parts.map(({ partition }) => partition),
        })),
      }),
    }));
    const coordinator = await this.#cluster.coordinator('group', group, this.#joining);
    const { api } = library.syncGroupV4;
    const synced = await api.async(coordinator, group, generation, memberId, null, null, null, assignments);
    if (synced.assignment.length === 0) return [];
    const { assignedPartitions } = library.decodeConsumerProtocolAssignment(synced.assignment);
    return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  }

  async heartbeat({ group, generation, memberId }: Membership): Promise<void> {
    const coordinator = await this.#cluster.coordinator('group', group, this.#group);
    await this.#cluster.library.heartbeatV4.api.async(coordinator, group, generation, memberId, null);
  }

  async commit(
    { group, generation, memberId }: Membership,
    { topic, partition }: TopicPartition,
    offset: number,
  ): Promise<void> {
    const coordinator = await this.#cluster.coordinator('group', group, this.#group);
    const committed = {
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    };
    const topics = [{ name: topic, partitions: [committed] }];
    await this.#cluster.library.offsetCommitV8.api.async(coordinator, group, generation, memberId, null, topics);
  }

  async leave({ group, memberId }: Membership): Promise<void> {
    const coordinator = await this.#cluster.coordinator('group', group, this.#group);
    await this.#cluster.library.leaveGroupV4.api.async(coordinator, group, [{ memberId }]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#group, this.#joining, ...this.#lines].map((pool) => this.#cluster.closePool(pool)));
  }
}
