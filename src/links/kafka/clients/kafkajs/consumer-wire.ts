import kafkajs from 'kafkajs';
import type { Clock } from '../../../../core/clock.ts';
import type { TopicPartition } from '../../client.ts';
import type { Attempts } from '../protocol/attempts.ts';
import type { CommittedPorts } from '../protocol/committed-offsets.ts';
import type {
  ConsumerWire,
  FetchAnswer,
  FetchLine,
  FetchPosition,
  JoinAnswer,
  JoinRequest,
  Membership,
} from '../protocol/consumer-wire.ts';
import { endSilent } from './broker-request.ts';
import type { BrokerLine, Brokers } from './brokers.ts';
import { decompress } from './codecs.ts';
import { faultOf } from './fault.ts';
import { fetchRecords } from './fetch-request.ts';
import { groupOffsets } from './group-offsets.ts';
import { createErrorFromCode, type LibraryBroker } from './library.ts';

const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;

/** The requests of a consumer, over brokers of its own. */
export class KafkajsConsumerWire implements ConsumerWire {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly faultOf = faultOf;
  readonly errorOf = createErrorFromCode;
  readonly decompress = decompress;
  readonly retryMs: number;
  readonly #brokers: Brokers;
  readonly #rack: string;

  /**
   * @param brokers are closed with it.
   * @param rack where this client is; null: not known.
   */
  constructor(brokers: Brokers, { retryMs, rack }: { readonly retryMs: number; readonly rack: string | null }) {
    this.clock = brokers.clock;
    this.attempts = brokers.attempts;
    this.retryMs = retryMs;
    this.#brokers = brokers;
    this.#rack = rack ?? '';
  }

  forget(): void {
    this.#brokers.forget();
  }

  leaders(topic: string): Promise<readonly number[]> {
    return this.#brokers.leaders(topic);
  }

  allLeaders(): Promise<ReadonlyMap<string, readonly number[]>> {
    return this.#brokers.metadata(null);
  }

  leader(topic: string, partition: number): Promise<number> {
    return this.#brokers.leader(topic, partition);
  }

  knownLeader(topic: string, partition: number): number | undefined {
    return this.#brokers.knownLeader(topic, partition);
  }

  async listOffsets(
    leader: number,
    topic: string,
    partitions: readonly number[],
    timestamp: number,
    committed: boolean,
  ): Promise<ReadonlyMap<number, number>> {
    const asked = partitions.map((partition) => ({ partition, timestamp: `${timestamp}` }));
    const request = { replicaId: -1, isolationLevel: committed ? 1 : 0, topics: [{ topic, partitions: asked }] };
    const broker = await this.#brokers.node(leader);
    const { responses } = await endSilent(broker, broker.listOffsets(request));
    return new Map(responses[0]?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  offsets(group: string, topic: string): CommittedPorts {
    return groupOffsets(this.#brokers, group, topic);
  }

  async fetch(
    line: FetchLine,
    broker: number,
    positions: readonly FetchPosition[],
    committed: boolean,
  ): Promise<readonly FetchAnswer[]> {
    return await fetchRecords(await this.#brokers.node(broker, `fetch ${line}`), positions, committed, this.#rack);
  }

  /** kafkajs joins a second time where the first answer does no more than name the member. */
  async join(request: JoinRequest): Promise<JoinAnswer> {
    const metadata = MemberMetadata.encode({ version: 1, topics: [...request.topics], userData: Buffer.alloc(0) });
    const coordinator = await this.#coordinator(request.group, 'join');
    const joined = await endSilent(
      coordinator,
      coordinator.joinGroup({
        groupId: request.group,
        memberId: request.memberId,
        sessionTimeout: request.sessionTimeoutMs,
        rebalanceTimeout: request.rebalanceTimeoutMs,
        groupProtocols: request.protocols.map((name) => ({ name, metadata })),
      }),
    );
    const members = joined.members.map(({ memberId, memberMetadata }) => ({
      memberId,
      topics: MemberMetadata.decode(memberMetadata)?.topics ?? [],
    }));
    const { memberId, generationId: generation, leaderId } = joined;
    return { memberId, generation, members: leaderId === memberId ? members : null };
  }

  async sync(
    { group, generation, memberId }: Membership,
    dealt: ReadonlyMap<string, readonly TopicPartition[]> | null,
  ): Promise<readonly TopicPartition[]> {
    const groupAssignment = [...(dealt ?? [])].map(([id, places]) => ({
      memberId: id,
      memberAssignment: MemberAssignment.encode({
        version: 1,
        assignment: Object.fromEntries(
          [...Map.groupBy(places, ({ topic }) => topic)].map(([topic, parts]) => [
            topic,
            parts.map(({ partition }) => partition),
          ]),
        ),
        userData: Buffer.alloc(0),
      }),
    }));
    const coordinator = await this.#coordinator(group, 'join');
    const request = { groupId: group, generationId: generation, memberId, groupAssignment };
    const { memberAssignment } = await endSilent(coordinator, coordinator.syncGroup(request));
    const { assignment = {} } = MemberAssignment.decode(memberAssignment) ?? {};
    return Object.entries(assignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => ({ topic, partition })),
    );
  }

  async heartbeat({ group, generation, memberId }: Membership): Promise<void> {
    const coordinator = await this.#coordinator(group, 'group');
    const request = { groupId: group, groupGenerationId: generation, memberId };
    await endSilent(coordinator, coordinator.heartbeat(request));
  }

  async commit(
    { group, generation, memberId }: Membership,
    { topic, partition }: TopicPartition,
    offset: number,
  ): Promise<void> {
    const coordinator = await this.#coordinator(group, 'group');
    const topics = [{ topic, partitions: [{ partition, offset: `${offset}` }] }];
    const request = { groupId: group, groupGenerationId: generation, memberId, topics };
    await endSilent(coordinator, coordinator.offsetCommit(request));
  }

  async leave({ group, memberId }: Membership): Promise<void> {
    const coordinator = await this.#coordinator(group, 'group');
    await endSilent(coordinator, coordinator.leaveGroup({ groupId: group, memberId }));
  }

  close(): Promise<void> {
    return this.#brokers.close();
  }

  #coordinator(group: string, line: BrokerLine): Promise<LibraryBroker> {
    return this.#brokers.coordinator('group', group, line);
  }
}
