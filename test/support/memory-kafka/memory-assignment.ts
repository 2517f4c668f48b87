import type { Envelope } from '../../../src/core/envelope.ts';
import { SluiceError } from '../../../src/core/error.ts';
import type { AssignedPartition, ConsumerOptions, TopicPartition } from '../../../src/links/kafka/client.ts';
import type { Cluster } from './cluster.ts';
import type { MemoryProcess } from './memory-process.ts';
import type { LogEntry, PartitionLog } from './partition-log.ts';

/** What an assigned partition needs of its consumer. */
export interface AssignmentOwner {
  readonly process: MemoryProcess;
  readonly options: ConsumerOptions;
  readonly failure: Error | undefined;
  /** Whether an aborted record slips through. */
  leaks(entry: LogEntry): boolean;
  commit(at: TopicPartition, offset: number): void;
  released(assignment: MemoryAssignment): void;
  /** Something was asked or committed: the holder is not stuck. */
  alive(assignment: MemoryAssignment): void;
}

/** A partition in the hands of a member. It reads straight from the log: what is fetched ahead cannot be told from what is not. */
export class MemoryAssignment implements AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  lag: number | null = null;
  /** Whether it was handed out. */
  taken = false;
  readonly #cluster: Cluster;
  readonly #owner: AssignmentOwner;
  readonly #log: PartitionLog;
  readonly #revoked = new AbortController();
  readonly #lost = new AbortController();
  #position: number;
  #polled = false;
  #disposed = false;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(cluster: Cluster, owner: AssignmentOwner, log: PartitionLog, start: number) {
    this.topic = log.topic;
    this.partition = log.partition;
    this.start = start;
    this.#cluster = cluster;
    this.#owner = owner;
    this.#log = log;
    this.#position = start;
  }

  get revoked(): AbortSignal {
    return this.#revoked.signal;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  get position(): number {
    return this.#position;
  }

  /** What is there has come by now; since when nobody knows. */
  get waitingSince(): number | null {
    return this.#readable().length > 0 ? this.#cluster.options.clock.now() : null;
  }

  /** Whether more is there than its buffer would hold. */
  get full(): boolean {
    if (!this.#polled) return false;
    let bytes = 0;
    for (const { envelope } of this.#readable()) bytes += envelope?.value?.length ?? 0;
    return bytes >= this.#owner.options.bufferBytes;
  }

  revoke(): void {
    this.#revoked.abort(
      new SluiceError('KAFKA_FENCED', `${this.topic}/${this.partition} is being given up: the group is balanced anew`),
    );
  }

  lose(reason: string): void {
    const error = new SluiceError('KAFKA_FENCED', `${this.topic}/${this.partition} was lost: ${reason}`);
    this.#revoked.abort(error);
    this.#lost.abort(error);
  }

  seek(offset: number): void {
    if (this.#polled) throw new SluiceError('CONTRACT_BROKEN', 'seek comes before the first poll');
    this.#position = offset;
  }

  async poll(maxBytes: number, signal: AbortSignal, waitMs?: number): Promise<readonly Envelope[]> {
    const over = new AbortController();
    let late = waitMs === 0;
    try {
      this.#check(signal);
      this.#polled = true;
      this.#owner.alive(this);
      if (waitMs !== undefined && waitMs > 0) {
        const expire = (): void => {
          late = true;
          this.#log.changed.ring();
        };
        this.#cluster.options.clock.sleep(waitMs, over.signal).then(expire, () => undefined);
      }
      for (;;) {
        await this.#owner.process.step();
        this.#check(signal);
        this.#cluster.faults.check('poll', this.#owner.process);
        const records = this.#read(maxBytes);
        if (records.length > 0 || late) return records;
        await this.#log.changed.heard([signal, this.#revoked.signal, this.#owner.process.dead]);
      }
    } finally {
      over.abort();
      this.#owner.alive(this);
    }
  }

  commit(offset: number): Promise<void> {
    if (this.#owner.options.group === null) return Promise.resolve();
    const done = this.#tail.then(() => this.#commit(offset));
    this.#tail = done.catch(() => undefined);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tail;
    if (this.#disposed) return;
    this.#disposed = true;
    this.#owner.released(this);
  }

  async #commit(offset: number): Promise<void> {
    const { process } = this.#owner;
    this.#holds();
    this.#owner.alive(this);
    await process.step();
    this.#holds();
    this.#cluster.faults.check('commit', process);
    this.#owner.commit(this, offset);
    await process.step();
    this.#cluster.faults.check('commit', process, true);
  }

  #holds(): void {
    this.#lost.signal.throwIfAborted();
    if (this.#disposed) {
      throw new SluiceError(
        'KAFKA_FENCED',
        `${this.topic}/${this.partition} was given back, and may be somebody else's`,
      );
    }
  }

  #check(signal: AbortSignal): void {
    signal.throwIfAborted();
    if (this.#owner.failure !== undefined) throw this.#owner.failure;
    this.#revoked.signal.throwIfAborted();
    if (this.#disposed) throw new SluiceError('CONTRACT_BROKEN', 'the partition was given back');
    if (this.#cluster.find(this.topic)?.[this.partition] !== this.#log) {
      throw new SluiceError('KAFKA_TOPIC_MISSING', `the topic ${this.topic} was removed`);
    }
  }

  #readable(): readonly LogEntry[] {
    return this.#log
      .from(this.#position, this.#bound)
      .filter(
        (entry) =>
          entry.envelope !== null &&
          (!this.#owner.options.readCommitted || entry.state === 'committed' || this.#owner.leaks(entry)),
      );
  }

  get #bound(): number {
    return this.#owner.options.readCommitted ? this.#log.stable : this.#log.end;
  }

  #read(maxBytes: number): readonly Envelope[] {
    // Out of range: retention was faster, or the topic is another one.
    if (this.#position < this.#log.start || this.#position > this.#log.end) this.#position = this.#log.start;
    const { random } = this.#cluster.options;
    const most = random === null || random() < 0.5 ? Number.POSITIVE_INFINITY : 1 + Math.floor(random() * 5);
    const records: Envelope[] = [];
    let bytes = 0;
    for (const { envelope } of this.#readable()) {
      const size = envelope?.value?.length ?? 0;
      if (records.length > 0 && (bytes + size > maxBytes || records.length >= most)) {
        this.#position = envelope!.offset;
        this.lag = this.#log.end - records.at(-1)!.offset - 1;
        return records;
      }
      records.push(envelope!);
      bytes += size;
    }
    // Markers, gaps and aborted records behind the last one are passed, as a fetch passes them.
    this.#position = Math.max(this.#position, this.#bound);
    this.lag = this.#log.end - this.#position;
    return records;
  }
}
