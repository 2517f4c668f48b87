import { randomUUID } from 'node:crypto';
import { SluiceError } from '../../../../core/error.ts';
import type { AssignedPartition, KafkaConsumer } from '../../client.ts';
import { until } from '../protocol/until.ts';
import { kafkaFault } from './fault.ts';
import { type ConsumerPorts, GroupSession } from './group-session.ts';
import type { PartitionReader } from './partition-reader.ts';

type End =
  | { readonly kind: 'closing' }
  | { readonly kind: 'topics' }
  | { readonly kind: 'fault'; readonly error: SluiceError };

/** Milliseconds between two looks at which topics there are. */
const lookMs = 2_000;

/**
 * One membership after the other: a pattern that matches other topics, a client that crashed and a process that was
 * stopped for too long begin a new one. Fails when a new one would not help, or when `retryMs` went by without one.
 */
export class KafkajsConsumer implements KafkaConsumer {
  readonly #ports: ConsumerPorts;
  readonly #closed: () => unknown;
  readonly #ready: { readonly session: GroupSession; readonly reader: PartitionReader }[] = [];
  readonly #closing = new AbortController();
  #session: GroupSession | undefined;
  /** Of the last membership. */
  #group = '';
  #loop: Promise<void> = Promise.resolve();
  #earlierJoins = 0;
  #failure: SluiceError | undefined;
  #wake: (() => void) | undefined;

  /** @param closed is told when it is closed. */
  constructor(ports: ConsumerPorts, closed: () => unknown) {
    this.#ports = ports;
    this.#closed = closed;
  }

  get rebalances(): number {
    return Math.max(0, this.#earlierJoins + (this.#session?.joins ?? 0) - 1);
  }

  get paused(): number {
    return this.#session?.paused ?? 0;
  }

  async connect(signal: AbortSignal): Promise<void> {
    const connecting = (async () => {
      const topics = await this.#matching();
      const session = topics.length === 0 ? undefined : await this.#begin(topics);
      this.#loop = this.#run(topics, session);
    })();
    try {
      await until(signal, connecting);
    } catch (error) {
      this.#closing.abort();
      connecting.then(() => this.close()).catch(() => undefined);
      throw error;
    }
  }

  async *assignments(signal: AbortSignal): AsyncIterable<AssignedPartition> {
    for (;;) {
      signal.throwIfAborted();
      const next = this.#ready.shift();
      if (next !== undefined) {
        if (next.reader.revoked.aborted) continue;
        next.session.accept(next.reader);
        yield next.reader;
      } else if (this.#failure !== undefined) {
        throw this.#failure;
      } else if (this.#closing.signal.aborted) {
        return;
      } else {
        await until(signal, new Promise<void>((resolve) => (this.#wake = resolve)));
      }
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake?.();
    await this.#loop;
    this.#closed();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(topics: readonly string[], first: GroupSession | undefined): Promise<void> {
    const { clock, connection, options, topics: admin } = this.#ports;
    let [wanted, session] = [topics, first];
    let healthy = clock.now();
    while (this.#failure === undefined) {
      const end = await this.#endOf(session, wanted);
      if (end.kind === 'closing') break;
      if (end.kind === 'topics') {
        await session?.stop(new SluiceError('KAFKA_FENCED', 'other topics match the pattern now'));
      } else {
        await session?.abandon(end.error);
        if (session !== undefined && session.joins > 0) healthy = clock.now();
        const worthTrying = end.error.code === 'KAFKA_UNREACHABLE' || end.error.code === 'KAFKA_FENCED';
        if (!worthTrying || clock.now() - healthy >= connection.retryMs) this.#failure = end.error;
        else await clock.sleep(200, this.#closing.signal).catch(() => undefined);
      }
      this.#earlierJoins += session?.joins ?? 0;
      session = undefined;
      this.#session = undefined;
      if (this.#failure !== undefined || this.#closing.signal.aborted) break;
      try {
        wanted = await this.#matching();
        if (wanted.length > 0) session = await this.#begin(wanted);
      } catch (error) {
        this.#failure = kafkaFault(error, `read ${wanted.join(', ')}`);
      }
    }
    this.#wake?.();
    await session?.stop(this.#failure ?? new SluiceError('KAFKA_FENCED', 'the consumer is being closed'));
    if (options.group === null) await admin.removeGroups([this.#group]).catch(() => undefined);
    this.#wake?.();
  }

  async #begin(topics: readonly string[]): Promise<GroupSession> {
    const { connection, options } = this.#ports;
    // A member that broke off is one for the broker until its session is over: in the same group the next membership would wait for that.
    this.#group = options.group ?? `${connection.clientId}-reader-${randomUUID()}`;
    const session: GroupSession = new GroupSession({ ...this.#ports, group: this.#group }, topics, (reader) => {
      this.#ready.push({ session, reader });
      this.#wake?.();
    });
    await session.start();
    this.#session = session;
    return session;
  }

  /** Waits until the membership has to end. */
  async #endOf(session: GroupSession | undefined, wanted: readonly string[]): Promise<End> {
    const settled = new AbortController();
    const closing = this.#closing.signal;
    const signal = AbortSignal.any([settled.signal, closing]);
    const fault = (error: unknown): End => ({ kind: 'fault', error: kafkaFault(error, `read ${wanted.join(', ')}`) });
    const changed = this.#change(wanted, signal).then((): End => ({ kind: 'topics' }), fault);
    const ended = session?.ended.then(fault) ?? new Promise<never>(() => undefined);
    try {
      return await until(closing, Promise.race([ended, changed]));
    } catch (error) {
      if (closing.aborted) return { kind: 'closing' };
      throw error;
    } finally {
      settled.abort();
    }
  }

  /** Resolves when other topics match the pattern; rejects when a topic that was named is no longer there. */
  async #change(wanted: readonly string[], signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#ports.clock.sleep(lookMs, signal);
      const now = await this.#matching();
      if (now.join() !== wanted.join()) return;
    }
  }

  async #matching(): Promise<readonly string[]> {
    const { topics: admin, options } = this.#ports;
    const { topics } = options;
    if (topics instanceof RegExp) return (await admin.list()).filter((topic) => topic.search(topics) >= 0);
    for (const topic of topics) {
      if ((await admin.partitions(topic)) === null) {
        throw new SluiceError('KAFKA_TOPIC_MISSING', `there is no topic ${topic}, or it was removed: create it first`);
      }
    }
    return topics;
  }
}
