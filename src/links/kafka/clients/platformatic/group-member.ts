import type { ConnectionPool } from '@platformatic/kafka';
import type { SluiceError } from '../../../../core/error.ts';
import type { TopicPartition } from '../../client.ts';
import { isAborted, until } from '../protocol/until.ts';
import { faultOf } from './broker-fault.ts';
import type { Cluster } from './cluster.ts';
import { dealPartitions, type Subscriber } from './group-assignment.ts';

/** What a member is told between two generations of its group. */
export interface MembershipEvents {
  /** The group is being balanced: finish, then join again. */
  rebalancing(): void;
  /** The partitions are somebody else's already, or may be. */
  lost(why: string): void;
  /** It makes no sense to go on. */
  failed(error: SluiceError): void;
}

export interface MembershipOptions {
  readonly group: string;
  readonly sessionTimeoutMs: number;
  readonly drainMs: number;
}

/** The names by which Java's and kafkajs's clients know this way of dealing, so that one group may hold all of them. */
const protocolNames = ['roundrobin', 'RoundRobinAssigner'];

/**
 * A member of a consumer group: joins, deals the partitions when it is the leader, sends heartbeats, commits, leaves
 * (https://kafka.apache.org/protocol, JoinGroup 6 to LeaveGroup 4). It gives everything back before it joins again.
 */
export class GroupMember {
  readonly #cluster: Cluster;
  readonly #options: MembershipOptions;
  /** A broker answers a connection in order, and a join waits for all members: it has a connection of its own. */
  readonly #joining: ConnectionPool;
  readonly #pool: ConnectionPool;
  #memberId = '';
  #generation = -1;
  /** When this member was last known not to be silent by its own fault. */
  #alive = 0;
  #beating: AbortController | null = null;

  constructor(cluster: Cluster, options: MembershipOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#joining = cluster.pool(300_000);
    this.#pool = cluster.pool(Math.max(5_000, options.sessionTimeoutMs));
  }

  /** Joins with these topics; resolves when the group has agreed, with what this member got. */
  async join(topics: readonly string[], signal: AbortSignal): Promise<readonly TopicPartition[]> {
    return await this.#cluster.attempts.run(`joining group ${this.#options.group}`, signal, async () => {
      for (;;) {
        try {
          return await this.#joinOnce(topics, signal);
        } catch (error) {
          const { name } = faultOf(error);
          // MEMBER_ID_REQUIRED has set the id; the others have moved on without us.
          if (name === null || !rejoin.has(name) || isAborted(signal)) throw error;
          if (name === 'UNKNOWN_MEMBER_ID' || name === 'FENCED_INSTANCE_ID') this.#memberId = '';
        }
      }
    });
  }

  /** Sends heartbeats until told otherwise. */
  beat(events: MembershipEvents): void {
    const stop = new AbortController();
    this.#beating = stop;
    void this.#beat(events, stop.signal).catch(() => undefined);
  }

  stopBeating(): void {
    this.#beating?.abort(new Error('no heartbeats any more'));
    this.#beating = null;
  }

  /** Whether the group may have given this member up, as the process stood still or the broker hangs. */
  get silent(): boolean {
    return this.#beating !== null && this.#cluster.clock.now() - this.#alive > this.#options.sessionTimeoutMs;
  }

  /** Commits an offset of this generation. KAFKA_FENCED when the group does not know it any more. */
  async commit(partition: TopicPartition, offset: number, signal: AbortSignal): Promise<void> {
    const { group } = this.#options;
    const [memberId, generation] = [this.#memberId, this.#generation];
    await this.#cluster.attempts.run(`committing for group ${group}`, signal, async () => {
      const connection = await this.#cluster.coordinator('group', group, this.#pool);
      const partitions = [
        {
          partitionIndex: partition.partition,
          committedOffset: BigInt(offset),
          committedLeaderEpoch: -1,
          committedMetadata: null,
        },
      ];
      const { api } = this.#cluster.library.offsetCommitV8;
      await api.async(connection, group, generation, memberId, null, [{ name: partition.topic, partitions }]);
    });
  }

  /** Leaves, if it can be done quickly; else the session ends by itself. */
  async leave(): Promise<void> {
    this.stopBeating();
    const { library, closed } = this.#cluster;
    const memberId = this.#memberId;
    if (memberId !== '') {
      this.#memberId = '';
      const leaving = async (): Promise<void> => {
        const connection = await this.#cluster.coordinator('group', this.#options.group, this.#pool);
        await library.leaveGroupV4.api.async(connection, this.#options.group, [{ memberId }]);
      };
      await this.#cluster.attempts.run('leaving a group', closed, leaving, { retryMs: 500 }).catch(() => undefined);
    }
    await Promise.all([this.#cluster.closePool(this.#joining), this.#cluster.closePool(this.#pool)]);
  }

  async #joinOnce(topics: readonly string[], signal: AbortSignal): Promise<readonly TopicPartition[]> {
    const { library, clock } = this.#cluster;
    const { group, sessionTimeoutMs, drainMs } = this.#options;
    const connection = await this.#cluster.coordinator('group', group, this.#joining);
    const metadata = library.encodeConsumerProtocolSubscription({ version: 1, topics: [...topics] });
    const protocols = protocolNames.map((name) => ({ name, metadata }));
    // Who drains needs its time before it can join again.
    const patience = Math.max(sessionTimeoutMs, drainMs) + 5_000;
    const { api } = library.joinGroupV6;
    const joined = await api
      .async(connection, group, sessionTimeoutMs, patience, this.#memberId, null, 'consumer', protocols)
      .catch((error: unknown) => {
        const { memberId } = (error as { response?: { memberId?: string } }).response ?? {};
        if (faultOf(error).name === 'MEMBER_ID_REQUIRED' && memberId) this.#memberId = memberId;
        throw error;
      });
    if (isAborted(signal)) throw signal.reason;
    this.#memberId = joined.memberId;
    const { generationId } = joined;
    const assignments =
      joined.leader === joined.memberId
        ? await this.#deal(
            joined.members.map(({ memberId, metadata: wanted }) => ({
              memberId,
              topics: library.decodeConsumerProtocolSubscription(wanted).topics,
            })),
          )
        : [];
    const sent = clock.now();
    const sync = library.syncGroupV4.api;
    const synced = await sync.async(connection, group, generationId, joined.memberId, null, null, null, assignments);
    this.#generation = generationId;
    this.#alive = sent;
    if (synced.assignment.length === 0) return [];
    const { assignedPartitions } = library.decodeConsumerProtocolAssignment(synced.assignment);
    return assignedPartitions.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })));
  }

  async #deal(subscribers: readonly Subscriber[]): Promise<{ memberId: string; assignment: Buffer }[]> {
    const counts = new Map<string, number>();
    for (const topic of new Set(subscribers.flatMap((subscriber) => subscriber.topics))) {
      // A topic that is gone is nobody's; whoever wants it finds out by himself.
      const leaders = await this.#cluster.leaders(topic).catch((error: unknown) => {
        if (faultOf(error).code !== 'KAFKA_TOPIC_MISSING') throw error;
        return [];
      });
      counts.set(topic, leaders.length);
    }
    return [...dealPartitions(subscribers, counts)].map(([memberId, dealt]) => ({
      memberId,
      assignment: this.#cluster.library.encodeConsumerProtocolAssignment({
        version: 1,
        assignedPartitions: [...Map.groupBy(dealt, (one) => one.topic)].map(([topic, parts]) => ({
          topic,
          partitions: parts.map((part) => part.partition),
        })),
      }),
    }));
  }

  async #beat(events: MembershipEvents, signal: AbortSignal): Promise<void> {
    const { clock } = this.#cluster;
    const { sessionTimeoutMs } = this.#options;
    const interval = Math.min(500, sessionTimeoutMs / 10);
    let failingSince: number | null = null;
    for (;;) {
      await clock.sleep(interval, signal);
      if (this.silent) return events.lost('this member was not heard of for longer than its session');
      const sent = clock.now();
      try {
        await this.#heartbeat(signal);
        this.#alive = sent;
        failingSince = null;
      } catch (error) {
        if (isAborted(signal)) return;
        const fault = faultOf(error);
        if (fault.name === 'REBALANCE_IN_PROGRESS') {
          this.#alive = sent;
          events.rebalancing();
        } else if (fault.code === 'KAFKA_FENCED') {
          return events.lost(`the group goes on without this member (${fault.name})`);
        } else if (fault.kind === 'final') {
          return events.failed(this.#cluster.attempts.error('sending a heartbeat', error));
        } else {
          // Nobody is there, so nobody has given this member up: sessions begin anew with a new coordinator.
          if (clock.now() - sent < sessionTimeoutMs) this.#alive = clock.now();
          failingSince ??= sent;
          if (clock.now() - failingSince > this.#cluster.connection.retryMs) {
            return events.failed(this.#cluster.attempts.error('sending a heartbeat', error));
          }
          this.#cluster.forget();
        }
      }
    }
  }

  async #heartbeat(signal: AbortSignal): Promise<void> {
    const { group } = this.#options;
    const connection = await until(signal, this.#cluster.coordinator('group', group, this.#pool));
    const { api } = this.#cluster.library.heartbeatV4;
    await until(signal, api.async(connection, group, this.#generation, this.#memberId, null));
  }
}

const rejoin = new Set([
  'MEMBER_ID_REQUIRED',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'FENCED_INSTANCE_ID',
]);
