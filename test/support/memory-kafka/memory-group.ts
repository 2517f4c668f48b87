import { SluiceError } from '../../../src/core/error.ts';
import type { TopicPartition } from '../../../src/links/kafka/client.ts';
import { Bell } from './bell.ts';
import { CommittedOffsets } from './committed-offsets.ts';
import type { MemoryProcess } from './memory-process.ts';
import type { Steps } from './steps.ts';

/** What a group needs of its members. */
export interface GroupMember {
  readonly process: MemoryProcess;
  /** Nothing is held any more, so that the next generation may begin. */
  readonly drained: boolean;
  /** The partitions of the topics that this member asks for, in order. */
  wants(): readonly TopicPartition[];
  /** Begins to give up what is held. May be called again. */
  revoke(): void;
  assign(generation: number, partitions: readonly TopicPartition[]): void;
}

/** A consumer group with eager rebalances: everybody gives up everything, then all is dealt out anew, round robin. */
export class MemoryGroup {
  readonly id: string;
  readonly committed = new CommittedOffsets();
  readonly #steps: Steps;
  readonly #random: (() => number) | null;
  readonly #members = new Map<GroupMember, number>();
  readonly #bell = new Bell();
  #generation = 0;
  #balancing = false;

  constructor(id: string, steps: Steps, random: (() => number) | null) {
    this.id = id;
    this.#steps = steps;
    this.#random = random;
  }

  get size(): number {
    return this.#members.size;
  }

  has(member: GroupMember): boolean {
    return this.#members.has(member);
  }

  join(member: GroupMember): void {
    this.#members.set(member, -1);
    this.balance();
  }

  leave(member: GroupMember): void {
    if (this.#members.delete(member)) this.balance();
  }

  /** Somebody has drained, woken or gone: a rebalance that waits may go on. */
  look(): void {
    this.#bell.ring();
  }

  balance(): void {
    this.#bell.ring();
    if (this.#balancing) return;
    this.#balancing = true;
    void this.#balance();
  }

  /** Refused for whoever is not a member of this generation; somebody else may have the partition. */
  commit(member: GroupMember, generation: number, at: TopicPartition, offset: number): void {
    if (this.#members.get(member) !== generation) {
      const place = `${at.topic}/${at.partition}`;
      throw new SluiceError('KAFKA_FENCED', `${place} belongs to another member of the group ${this.id}`);
    }
    this.committed.write(at, offset)();
  }

  async #balance(): Promise<void> {
    await this.#steps.take(null);
    for (;;) {
      const members = [...this.#members.keys()];
      for (const member of members) if (!member.process.frozen) member.revoke();
      if (members.every(({ drained, process }) => drained && !process.frozen && !process.dead.aborted)) break;
      await this.#bell.heard([]);
    }
    this.#balancing = false;
    this.#deal();
  }

  #deal(): void {
    this.#generation += 1;
    const members = [...this.#members.keys()];
    if (this.#random !== null && members.length > 0) {
      members.push(...members.splice(0, Math.floor(this.#random() * members.length)));
    }
    const shares = new Map(members.map((member) => [member, [] as TopicPartition[]]));
    const wanted = new Map<string, { readonly at: TopicPartition; readonly by: GroupMember[] }>();
    for (const member of members) {
      for (const at of member.wants()) {
        const entry = wanted.get(`${at.topic}/${at.partition}`) ?? { at, by: [] };
        entry.by.push(member);
        wanted.set(`${at.topic}/${at.partition}`, entry);
      }
    }
    for (const [turn, { at, by }] of [...wanted.values()].entries()) shares.get(by[turn % by.length]!)!.push(at);
    for (const [member, share] of shares) {
      this.#members.set(member, this.#generation);
      member.assign(this.#generation, share);
    }
  }
}
