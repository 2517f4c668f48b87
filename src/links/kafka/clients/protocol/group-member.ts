import type { SluiceError } from '../../../../core/error.ts';
import { settlesWithin } from '../../../../core/settles-within.ts';
import type { TopicPartition } from '../../client.ts';
import type { ConsumerWire, Membership, Subscriber } from './consumer-wire.ts';
import { dealPartitions } from './group-assignment.ts';
import { isAborted, until } from './until.ts';

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

/** Milliseconds that a member takes for leaving, before it lets its session end by itself. */
const leavingMs = 2_000;

/** The names by which Java's and kafkajs's clients know this way of dealing, so that one group may hold all of them. */
const protocolNames = ['roundrobin', 'RoundRobinAssigner'];

/**
 * A member of a consumer group: joins, deals the partitions when it is the leader, sends heartbeats, commits, leaves
 * (https://kafka.apache.org/protocol, JoinGroup to LeaveGroup). It gives everything back before it joins again.
 */
export class GroupMember {
  readonly #wire: ConsumerWire;
  readonly #options: MembershipOptions;
  #memberId = '';
  #generation = -1;
  /** When this member was last known not to be silent by its own fault. */
  #alive = 0;
  #beating: AbortController | null = null;
  /** The last attempt to join. Whoever leaves before it is answered would be a member until the session is over. */
  #joining: Promise<unknown> = Promise.resolve();

  constructor(wire: ConsumerWire, options: MembershipOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  /** Joins with these topics; resolves when the group has agreed, with what this member got. */
  async join(topics: readonly string[], signal: AbortSignal): Promise<readonly TopicPartition[]> {
    return await this.#wire.attempts.run(`joining group ${this.#options.group}`, signal, async () => {
      for (;;) {
        try {
          const joining = this.#joinOnce(topics, signal);
          this.#joining = joining;
          return await joining;
        } catch (error) {
          const { name } = this.#wire.faultOf(error);
          // The others have moved on without us.
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
    return this.#beating !== null && this.#wire.clock.now() - this.#alive > this.#options.sessionTimeoutMs;
  }

  /** Commits an offset of this generation. KAFKA_FENCED when the group does not know it any more. */
  async commit(partition: TopicPartition, offset: number, signal: AbortSignal): Promise<void> {
    const membership = this.#membership;
    await this.#wire.attempts.run(`committing for group ${membership.group}`, signal, () =>
      this.#wire.commit(membership, partition, offset),
    );
  }

  /** Leaves, if it can be done quickly; else the session ends by itself. */
  async leave(): Promise<void> {
    this.stopBeating();
    const { attempts, clock } = this.#wire;
    await settlesWithin(this.#joining, this.#options.sessionTimeoutMs, clock);
    const membership = this.#membership;
    if (membership.memberId === '') return;
    this.#memberId = '';
    const never = new AbortController().signal;
    const leaving = attempts.run('leaving a group', never, () => this.#wire.leave(membership), { retryMs: 500 });
    await settlesWithin(leaving, leavingMs, clock);
  }

  get #membership(): Membership {
    return { group: this.#options.group, memberId: this.#memberId, generation: this.#generation };
  }

  async #joinOnce(topics: readonly string[], signal: AbortSignal): Promise<readonly TopicPartition[]> {
    const { group, sessionTimeoutMs, drainMs } = this.#options;
    const joined = await this.#wire.join({
      group,
      memberId: this.#memberId,
      topics,
      protocols: protocolNames,
      sessionTimeoutMs,
      // Who drains needs its time before it can join again.
      rebalanceTimeoutMs: Math.max(sessionTimeoutMs, drainMs) + 5_000,
    });
    this.#memberId = joined.memberId;
    if (isAborted(signal)) throw signal.reason;
    const dealt = joined.members === null ? null : await this.#deal(joined.members);
    const sent = this.#wire.clock.now();
    const { generation } = joined;
    const assigned = await this.#wire.sync({ group, memberId: joined.memberId, generation }, dealt);
    this.#generation = generation;
    this.#alive = sent;
    return assigned;
  }

  async #deal(subscribers: readonly Subscriber[]): Promise<ReadonlyMap<string, readonly TopicPartition[]>> {
    const counts = new Map<string, number>();
    for (const topic of new Set(subscribers.flatMap((subscriber) => subscriber.topics))) {
      // A topic that is gone is nobody's; whoever wants it finds out by himself.
      const leaders = await this.#wire.leaders(topic).catch((error: unknown) => {
        if (this.#wire.faultOf(error).code !== 'KAFKA_TOPIC_MISSING') throw error;
        return [];
      });
      counts.set(topic, leaders.length);
    }
    return dealPartitions(subscribers, counts);
  }

  async #beat(events: MembershipEvents, signal: AbortSignal): Promise<void> {
    const { clock } = this.#wire;
    const { sessionTimeoutMs } = this.#options;
    const interval = Math.min(500, sessionTimeoutMs / 10);
    let failingSince: number | null = null;
    for (;;) {
      await clock.sleep(interval, signal);
      if (this.silent) return events.lost('this member was not heard of for longer than its session');
      const sent = clock.now();
      try {
        await until(signal, this.#wire.heartbeat(this.#membership));
        this.#alive = sent;
        failingSince = null;
      } catch (error) {
        if (isAborted(signal)) return;
        const fault = this.#wire.faultOf(error);
        if (fault.name === 'REBALANCE_IN_PROGRESS') {
          this.#alive = sent;
          events.rebalancing();
        } else if (fault.code === 'KAFKA_FENCED') {
          return events.lost(`the group goes on without this member (${fault.name})`);
        } else if (fault.kind === 'final') {
          return events.failed(this.#wire.attempts.error('sending a heartbeat', error));
        } else {
          // Nobody is there, so nobody has given this member up: sessions begin anew with a new coordinator.
          if (clock.now() - sent < sessionTimeoutMs) this.#alive = clock.now();
          failingSince ??= sent;
          if (clock.now() - failingSince > this.#wire.retryMs) {
            return events.failed(this.#wire.attempts.error('sending a heartbeat', error));
          }
          this.#wire.forget();
        }
      }
    }
  }
}

const rejoin = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID']);
