import type { Envelope } from '../../core/envelope.ts';
import { SluiceError } from '../../core/error.ts';
import type { AssignedPartition, ConsumerOptions, KafkaClient, KafkaConsumer } from './client.ts';

/** What somebody who reads by himself says: there is no group, and nobody waits for what he holds. */
type LoneOptions = Pick<ConsumerOptions, 'topics' | 'from' | 'bufferBytes'> &
  Partial<Pick<ConsumerOptions, 'sessionTimeoutMs'>>;

const READING = {
  group: null,
  readCommitted: false,
  sessionTimeoutMs: 30_000,
  drainMs: 0,
  stuckMs: Number.POSITIVE_INFINITY,
} as const;

/**
 * A consumer of every partition of the topics, that lasts: a client library may hold even such a reader for a member of a group,
 * which loses its partitions when brokers are away or the process was stopped. Nobody else has them then, so they are
 * read on from the same place as soon as they come again. `revoked` and `lost` abort only when the consumer is closed.
 */
export async function loneConsumer(
  client: KafkaClient,
  options: LoneOptions,
  signal: AbortSignal,
): Promise<KafkaConsumer> {
  const inner = await client.consumer({ ...READING, ...options }, signal);
  const closing = new AbortController();
  const partitions = new Map<string, LonePartition>();
  const fresh: LonePartition[] = [];
  const failing = new AbortController();
  let wake: () => void = nobodyWaits;

  const following = (async () => {
    for await (const assigned of inner.assignments(closing.signal)) {
      const name = `${assigned.topic}/${assigned.partition}`;
      const known = partitions.get(name);
      if (known !== undefined) {
        known.replace(assigned);
        continue;
      }
      const partition = new LonePartition(assigned, closing.signal, failing.signal);
      partitions.set(name, partition);
      fresh.push(partition);
      wake();
    }
  })();
  following.catch((error: unknown) => {
    failing.abort(error);
    wake();
  });

  const close = async (): Promise<void> => {
    closing.abort(new SluiceError('KAFKA_FENCED', 'the reader of the topic was closed'));
    await inner.close();
    await following.catch(() => undefined);
  };
  return {
    async *assignments(reading) {
      for (;;) {
        reading.throwIfAborted();
        const next = fresh.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        if (closing.signal.aborted) return;
        failing.signal.throwIfAborted();
        await woken((ring) => (wake = ring), [reading, closing.signal]);
      }
    },
    get rebalances() {
      return inner.rebalances;
    },
    get paused() {
      return inner.paused;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

class LonePartition implements AssignedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly start: number;
  readonly #closing: AbortSignal;
  readonly #failing: AbortSignal;
  #current: AssignedPartition;
  #position: number;
  #disposed = false;
  #wake: () => void = () => undefined;

  constructor(first: AssignedPartition, closing: AbortSignal, failing: AbortSignal) {
    this.topic = first.topic;
    this.partition = first.partition;
    this.start = first.start;
    this.#position = first.start;
    this.#current = first;
    this.#closing = closing;
    this.#failing = failing;
  }

  get revoked(): AbortSignal {
    return this.#closing;
  }

  get lost(): AbortSignal {
    return this.#closing;
  }

  get lag(): number | null {
    return this.#current.lag;
  }

  get waitingSince(): number | null {
    return this.#current.waitingSince;
  }

  get position(): number {
    return this.#position;
  }

  replace(next: AssignedPartition): void {
    if (this.#disposed) {
      void next[Symbol.asyncDispose]();
      return;
    }
    void this.#current[Symbol.asyncDispose]();
    next.seek(this.#position);
    this.#current = next;
    this.#wake();
  }

  seek(offset: number): void {
    this.#position = offset;
    if (!this.#current.revoked.aborted) this.#current.seek(offset);
  }

  async poll(maxBytes: number, signal: AbortSignal, waitMs?: number): Promise<readonly Envelope[]> {
    for (;;) {
      const current = this.#current;
      try {
        if (!current.revoked.aborted) {
          const records = await current.poll(maxBytes, signal, waitMs);
          this.#position = current.position;
          return records;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!current.revoked.aborted) throw error;
      }
      this.#closing.throwIfAborted();
      this.#failing.throwIfAborted();
      signal.throwIfAborted();
      if (this.#current === current) await woken((ring) => (this.#wake = ring), [signal, this.#closing, this.#failing]);
    }
  }

  /** There is no group to commit for. */
  async commit(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.#current[Symbol.asyncDispose]();
  }
}

/** Resolves when the bell that it hands out is rung, or when a signal aborts; the caller looks which. */
async function woken(hang: (ring: () => void) => void, signals: readonly AbortSignal[]): Promise<void> {
  const settled = new AbortController();
  await new Promise<void>((resolve) => {
    hang(resolve);
    for (const signal of signals)
      signal.addEventListener('abort', () => resolve(), { once: true, signal: settled.signal });
    if (signals.some(({ aborted }) => aborted)) resolve();
  });
  settled.abort();
}

function nobodyWaits(): void {}
