import type { Clock } from '../../../../core/clock.ts';
import type { Envelope } from '../../../../core/envelope.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { AssignedPartition } from '../../client.ts';

/** What a partition asks of the session that it was assigned in. */
export interface ReaderHost {
  readonly clock: Clock;
  readonly bufferBytes: number;
  /** Looks whether the session has been silent for too long, and then takes its partitions away. */
  check(): void;
  /** Begins to fetch at an offset. */
  begin(reader: PartitionReader, offset: number): void;
  /** Stops or continues fetching. */
  pause(reader: PartitionReader, paused: boolean): void;
  commit(reader: PartitionReader, offset: number): Promise<void>;
  disposed(reader: PartitionReader): void;
}

/** What an envelope holds in memory besides its bytes, about. */
const envelopeBytes = 200;

/** A partition of one generation of the group, with what was fetched of it and not yet polled. */
export class PartitionReader implements AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly #host: ReaderHost;
  readonly #revoked = new AbortController();
  readonly #lost = new AbortController();
  #buffer: Envelope[] = [];
  #taken = 0;
  #bytes = 0;
  #waitingSince: number | null = null;
  #position: number;
  /** Below it nothing is left to be fetched: markers, aborted and compacted records count here alone. */
  #passed = 0;
  #lag: number | null = null;
  #state: 'new' | 'reading' | 'disposed' = 'new';
  #paused = false;
  #waiting: { readonly resolve: () => void; readonly reject: (reason: unknown) => void } | undefined;
  /** The last sign of life of a holder that has records; undefined while it has none. */
  #active: number | undefined;
  #done: number;

  constructor(topic: string, partition: number, start: number, host: ReaderHost) {
    this.topic = topic;
    this.partition = partition;
    this.start = start;
    this.#position = start;
    this.#done = start;
    this.#host = host;
  }

  get revoked(): AbortSignal {
    return this.#revoked.signal;
  }

  /** Asking for it looks at the clock: a process that was stopped for long must not write before it has noticed. */
  get lost(): AbortSignal {
    this.#host.check();
    return this.#lost.signal;
  }

  get lag(): number | null {
    return this.#lag;
  }

  get waitingSince(): number | null {
    return this.#waitingSince;
  }

  get position(): number {
    return this.#taken === this.#buffer.length ? Math.max(this.#position, this.#passed) : this.#position;
  }

  get disposed(): boolean {
    return this.#state === 'disposed';
  }

  get isLost(): boolean {
    return this.#lost.signal.aborted;
  }

  get paused(): boolean {
    return this.#paused;
  }

  seek(offset: number): void {
    if (this.#state !== 'new') throw new SluiceError('CONTRACT_BROKEN', 'seek comes before the first poll only');
    this.#position = offset;
    this.#done = offset;
  }

  async poll(maxBytes: number, signal: AbortSignal, waitMs?: number): Promise<readonly Envelope[]> {
    this.#host.check();
    signal.throwIfAborted();
    this.#revoked.signal.throwIfAborted();
    if (this.#state === 'disposed')
      throw new SluiceError('CONTRACT_BROKEN', 'a partition was polled after its disposal');
    if (this.#waiting !== undefined) throw new SluiceError('CONTRACT_BROKEN', 'one poll at a time for one partition');
    if (this.#state === 'new') {
      this.#state = 'reading';
      this.#host.begin(this, this.#position);
    }
    this.#active = undefined;
    if (this.#taken === this.#buffer.length) await this.#arrival(signal, waitMs);
    const records = this.#take(maxBytes);
    this.#active = this.#host.clock.now();
    return records;
  }

  async commit(offset: number): Promise<void> {
    await this.#host.commit(this, offset);
    this.#done = Math.max(this.#done, offset);
    if (this.#active !== undefined) this.#active = this.#host.clock.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'disposed') return;
    this.#state = 'disposed';
    this.#empty();
    this.#waiting?.reject(new SluiceError('CONTRACT_BROKEN', 'a partition was disposed of while it was polled'));
    this.#host.disposed(this);
  }

  /** Takes what was fetched; false when it is not wanted (now). */
  accept(records: readonly Envelope[], last: number, highWatermark: number): boolean {
    if (this.#state !== 'reading' || this.#revoked.signal.aborted) return false;
    const next = (this.#buffer.at(-1)?.offset ?? this.#position - 1) + 1;
    for (const record of records) {
      // What was fetched for an earlier place is not given again.
      if (record.offset < next) continue;
      this.#buffer.push(record);
      this.#bytes += sizeOf(record);
    }
    this.#passed = Math.max(this.#passed, last + 1);
    this.#lag = Math.max(0, highWatermark - last - 1);
    this.#flow();
    if (this.#taken < this.#buffer.length) {
      const now = this.#host.clock.now();
      this.#active ??= now;
      this.#waitingSince ??= now;
      this.#waiting?.resolve();
    }
    return true;
  }

  /** Milliseconds that the holder has had records and shown no sign of life. */
  idleMs(): number {
    const unfinished = this.#taken < this.#buffer.length || this.#position > this.#done;
    if (this.#state !== 'reading' || this.#active === undefined || !unfinished) return 0;
    return this.#host.clock.now() - this.#active;
  }

  revoke(reason: unknown): void {
    if (this.#revoked.signal.aborted) return;
    this.#empty();
    this.#revoked.abort(reason);
    this.#waiting?.reject(reason);
  }

  lose(reason: unknown): void {
    this.revoke(reason);
    if (!this.#lost.signal.aborted) this.#lost.abort(reason);
  }

  #arrival(signal: AbortSignal, waitMs: number | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const settled = new AbortController();
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    this.#waiting = { resolve, reject };
    if (waitMs !== undefined) this.#host.clock.sleep(waitMs, settled.signal).then(resolve, () => undefined);
    return promise.finally(() => {
      this.#waiting = undefined;
      settled.abort();
      signal.removeEventListener('abort', stop);
    });
  }

  #take(maxBytes: number): readonly Envelope[] {
    const from = this.#taken;
    let bytes = 0;
    while (this.#taken < this.#buffer.length) {
      const record = this.#buffer[this.#taken]!;
      const size = record.value?.length ?? 0;
      if (this.#taken > from && bytes + size > maxBytes) break;
      bytes += size;
      this.#bytes -= sizeOf(record);
      this.#taken += 1;
    }
    const records = this.#buffer.slice(from, this.#taken);
    this.#position = (records.at(-1)?.offset ?? this.#position - 1) + 1;
    this.#waitingSince = this.#taken === this.#buffer.length ? null : this.#host.clock.now();
    // Taken records are dropped when they are as many as are left: at each call, that would copy what is left every time.
    if (2 * this.#taken >= this.#buffer.length) {
      this.#buffer = this.#buffer.slice(this.#taken);
      this.#taken = 0;
    }
    this.#flow();
    return records;
  }

  #flow(): void {
    const { bufferBytes } = this.#host;
    if (!this.#paused && this.#bytes > bufferBytes) this.#pause(true);
    else if (this.#paused && this.#bytes < bufferBytes / 2) this.#pause(false);
  }

  #pause(paused: boolean): void {
    this.#paused = paused;
    this.#host.pause(this, paused);
  }

  #empty(): void {
    this.#buffer = [];
    this.#taken = 0;
    this.#bytes = 0;
    this.#waitingSince = null;
    this.#paused = false;
  }
}

function sizeOf({ key, value, headers }: Envelope): number {
  let size = envelopeBytes + (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) size += header.name.length + header.value.length;
  return size;
}
