import type { Envelope } from '../../../src/core/envelope.ts';
import type { ProducerRecord, TopicPartition } from '../../../src/links/kafka/client.ts';
import { Bell } from './bell.ts';

/** An offset that is taken. A transaction's marker has no envelope. */
export interface LogEntry {
  readonly offset: number;
  readonly envelope: Envelope | null;
  /** `open` and `aborted` belong to transactions. */
  readonly state: 'open' | 'committed' | 'aborted';
}

interface OwnedEntry extends LogEntry {
  state: LogEntry['state'];
  readonly transaction: object | null;
}

/** The log of one partition: records and markers by offset. Compaction and retention leave gaps, offsets never move. */
export class PartitionLog {
  readonly topic: string;
  readonly partition: number;
  /** Rings when there may be something new to read. */
  readonly changed = new Bell();
  #entries: OwnedEntry[] = [];
  #start = 0;
  #end = 0;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  /** The oldest offset that can be read. */
  get start(): number {
    return this.#start;
  }

  /** The high watermark. */
  get end(): number {
    return this.#end;
  }

  /** The last stable offset: where the oldest open transaction begins. */
  get stable(): number {
    return this.#entries.find(({ state }) => state === 'open')?.offset ?? this.#end;
  }

  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** @param transaction who may settle these records later; null: they are committed at once. */
  append(records: readonly ProducerRecord[], now: number, transaction: object | null): void {
    for (const { key, value, headers, timestamp } of records) {
      const envelope: Envelope = {
        topic: this.topic,
        partition: this.partition,
        offset: this.#end,
        timestamp: timestamp ?? now,
        key: key === null ? null : Uint8Array.from(key),
        value: value === null ? null : Uint8Array.from(value),
        headers: headers.map((header) => ({ name: header.name, value: Uint8Array.from(header.value) })),
      };
      this.#push({ offset: this.#end, envelope, state: transaction === null ? 'committed' : 'open', transaction });
    }
    this.changed.ring();
  }

  /** Ends a transaction in this partition; its marker takes an offset. */
  settle(transaction: object, outcome: 'committed' | 'aborted'): void {
    for (const entry of this.#entries) {
      if (entry.transaction === transaction && entry.state === 'open') entry.state = outcome;
    }
    this.#push({ offset: this.#end, envelope: null, state: 'committed', transaction });
    this.changed.ring();
  }

  /** The entries from an offset up to an end, which is not included. */
  from(offset: number, end: number): readonly LogEntry[] {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    let last = low;
    while (last < this.#entries.length && this.#entries[last]!.offset < end) last += 1;
    return this.#entries.slice(low, last);
  }

  /** Drops what a later committed record with the same key replaces, aborted records and old markers. The newest entry stays. */
  compact(): void {
    const [stable, newest] = [this.stable, this.#entries.at(-1)];
    const latest = new Map<string, OwnedEntry>();
    const keyOf = ({ envelope }: OwnedEntry): string =>
      envelope?.key == null ? '' : Buffer.from(envelope.key).toString('hex');
    const settled = ({ offset, state, envelope }: OwnedEntry): boolean =>
      offset < stable && state === 'committed' && envelope !== null;
    for (const entry of this.#entries) if (settled(entry)) latest.set(keyOf(entry), entry);
    this.#entries = this.#entries.filter(
      (entry) =>
        entry.offset >= stable ||
        entry === newest ||
        (settled(entry) && (entry.envelope?.key === null || latest.get(keyOf(entry)) === entry)),
    );
  }

  /** Retention: everything below the offset is gone. */
  trim(offset: number): void {
    this.#start = Math.min(Math.max(this.#start, offset), this.#end);
    this.#entries = this.#entries.filter((entry) => entry.offset >= this.#start);
  }

  #push(entry: OwnedEntry): void {
    this.#entries.push(entry);
    this.#end += 1;
  }
}
