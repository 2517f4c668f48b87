import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../../core/json.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import { CompactedTopic } from '../../links/kafka/compacted-topic.ts';
import type { PartitionRange } from '../../links/kafka/live/topic-range.ts';
import type { RangesMemory } from '../../links/kafka/live/topic-source.ts';

/** The topic in which unfinished replays say what they read: `earliest` and `end` are other offsets on another day. */
const REPLAYS_TOPIC = 'sluice.replays';

/** What a replay reads, kept on the cluster from its first run until it is finished. */
export class ReplayRanges implements RangesMemory {
  readonly #topic: CompactedTopic;
  readonly #key: string;

  readonly #anew: boolean;

  private constructor(topic: CompactedTopic, key: string, anew: boolean) {
    this.#topic = topic;
    this.#key = key;
    this.#anew = anew;
  }

  /**
   * @param replay what makes two runs the same one: its two ends, as they are written.
   * @param anew forgets an interrupted run.
   */
  static async open(
    client: KafkaClient,
    replicationFactor: number | null,
    replay: Json,
    anew: boolean,
  ): Promise<ReplayRanges> {
    const key = createHash('sha256').update(canonicalJson(replay)).digest('hex');
    return new ReplayRanges(await CompactedTopic.open({ client, name: REPLAYS_TOPIC, replicationFactor }), key, anew);
  }

  /** Of an interrupted run; null for a new one. */
  async find(signal: AbortSignal): Promise<readonly PartitionRange[] | null> {
    const text = this.#anew ? null : await this.#topic.get(this.#key, signal);
    return text === null ? null : (JSON.parse(text) as readonly PartitionRange[]);
  }

  async keep(ranges: readonly PartitionRange[], signal: AbortSignal): Promise<void> {
    await this.#topic.put(this.#key, JSON.stringify(ranges), signal);
  }

  /** The replay is finished: the next run of it is a new one. */
  async forget(signal: AbortSignal): Promise<void> {
    await this.#topic.put(this.#key, null, signal);
  }
}
