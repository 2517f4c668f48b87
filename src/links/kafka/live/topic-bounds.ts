import type { AssignedPartition, KafkaTopics, TopicPartition } from '../client.ts';
import { endOffsets, startOffsets, type TopicEnd, type TopicStart } from './topic-range.ts';

export interface TopicBoundsOptions {
  readonly topics: KafkaTopics;
  /** The topics that are read. */
  readonly names: readonly string[] | RegExp;
  readonly group: string;
  readonly start: TopicStart;
  readonly until: TopicEnd | null;
}

/** Where each partition of a group begins and ends, and which have come to their end in this process. */
export class TopicBounds {
  readonly #options: TopicBoundsOptions;
  readonly #ends = new Map<string, readonly number[]>();
  readonly #starts = new Map<string, Promise<readonly number[]>>();
  readonly #ended = new Set<string>();

  constructor(options: TopicBoundsOptions) {
    this.#options = options;
  }

  /** Finds the ends, as they are now. Once, before anything is read. */
  async open(): Promise<void> {
    const { topics, names, until } = this.#options;
    if (until === null) return;
    const all = names instanceof RegExp ? (await topics.list()).filter((name) => matches(names, name)) : names;
    for (const topic of all) this.#ends.set(topic, await endOffsets(topics, topic, until));
  }

  /**
   * The offset that a partition begins at. `latest` is made lasting by a commit: a member that took over before the first commit
   * would else begin at a later one, and what came in between would never be read.
   */
  async startOf(assigned: AssignedPartition): Promise<number> {
    const { topics, group, start } = this.#options;
    const { topic, partition } = assigned;
    if (start === 'earliest') return assigned.start;
    const committed = (await topics.committed(group, topic))[partition] ?? null;
    if (start === 'latest') {
      if (committed === null) await assigned.commit(assigned.start);
      return assigned.start;
    }
    if (committed !== null) return assigned.start;
    let starts = this.#starts.get(topic);
    if (starts === undefined) {
      starts = startOffsets(topics, topic, start);
      this.#starts.set(topic, starts);
    }
    // `assigned.start` is the earliest offset here: nothing is left before it.
    return Math.max(assigned.start, (await starts)[partition] ?? assigned.start);
  }

  /** The offset before which a partition ends. One that came after the beginning has nothing to be read. */
  endOf(assigned: AssignedPartition): number | null {
    if (this.#options.until === null) return null;
    return this.#ends.get(assigned.topic)?.[assigned.partition] ?? assigned.start;
  }

  /** A partition has come to its end in this process. */
  ended({ topic, partition }: TopicPartition): void {
    this.#ended.add(`${topic}/${partition}`);
  }

  /** Whether every partition has come to its end, in this process or, by the group's commits, in another one. */
  async allEnded(): Promise<boolean> {
    for (const [topic, ends] of this.#ends) {
      const open = [...ends.keys()].filter((partition) => !this.#ended.has(`${topic}/${partition}`));
      if (open.length === 0) continue;
      const committed = await this.#options.topics.committed(this.#options.group, topic);
      if (open.some((partition) => (committed[partition] ?? -1) < ends[partition]!)) return false;
    }
    return true;
  }
}

/** A pattern with the `g` or `y` flag remembers where it matched last. */
function matches(pattern: RegExp, name: string): boolean {
  pattern.lastIndex = 0;
  return pattern.test(name);
}
