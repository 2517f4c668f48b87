import { isIP } from 'node:net';
import type { Connection, ConnectionPool } from '@platformatic/kafka';
import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaConnection } from '../../settings.ts';
import { isAborted, until } from './abortable.ts';
import { type BrokerFault, faultOf, kafkaError } from './broker-fault.ts';
import type { Library } from './library.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a coordinator is asked for. */
export type CoordinatorKind = 'group' | 'transaction';

/** A topic that was just made is not known to every broker at once; for so long its absence is not believed. */
const unknownTopicMs = 3_000;
/** Answers of the right broker, which only needs time. */
const stays = new Set([
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'OFFSET_NOT_AVAILABLE',
  'THROTTLING_QUOTA_EXCEEDED',
]);
const firstDelayMs = 1;
const longestDelayMs = 1_000;

/**
 * The brokers as they are now: who leads which partition, who coordinates which group. What it knows it forgets at every
 * error that is worth another try, so that the next try asks again.
 */
export class Cluster {
  readonly library: Library;
  readonly clock: Clock;
  readonly connection: KafkaConnection;
  /** What is open over this cluster, to be closed with it. */
  readonly users = new Set<AsyncDisposable>();
  readonly #control: ConnectionPool;
  readonly #seeds: readonly Address[];
  readonly #pools = new Set<ConnectionPool>();
  readonly #closed = new AbortController();
  #nodes = new Map<number, Address>();
  #controller = -1;
  readonly #leaders = new Map<string, readonly number[]>();
  readonly #loading = new Map<string, Promise<readonly number[]>>();
  readonly #coordinators = new Map<string, number>();

  constructor(library: Library, connection: KafkaConnection, clock: Clock) {
    this.library = library;
    this.connection = connection;
    this.clock = clock;
    this.#seeds = connection.brokers.map((broker) => addressOf(broker));
    this.#control = this.pool(30_000);
  }

  /** Connections for requests that must not wait behind others: a broker answers one connection in order. */
  get control(): ConnectionPool {
    return this.#control;
  }

  /** Aborts when the client is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  pool(requestTimeoutMs: number): ConnectionPool {
    const { tls, sasl, clientId } = this.connection;
    const pool = new this.library.ConnectionPool(clientId, {
      requestTimeout: requestTimeoutMs,
      connectTimeout: Math.min(10_000, Math.max(1_000, this.connection.retryMs)),
      maxInflights: 64,
      ...(tls === null
        ? {}
        : {
            tls: {
              rejectUnauthorized: tls.verify,
              ...(tls.ca === null ? {} : { ca: tls.ca }),
              ...(tls.cert === null ? {} : { cert: tls.cert }),
              ...(tls.key === null ? {} : { key: tls.key }),
            },
            // A name is sent for those who route by it; an address may not be.
            tlsServerName: this.#seeds.every((seed) => isIP(seed.host) === 0),
          }),
      ...(sasl === null ? {} : { sasl: saslOptions(sasl) }),
    });
    // Every caller gets the error; without a listener the second one would end the process.
    pool.on('connecting', ({ connection }) => connection.on('error', () => undefined));
    this.#pools.add(pool);
    return pool;
  }

  async closePool(pool: ConnectionPool): Promise<void> {
    this.#pools.delete(pool);
    await pool.close().catch(() => undefined);
  }

  /**
   * Does `work` until it succeeds, fails for good, or has failed for `retryMs`. It is done again from the start, so it looks up
   * leaders and coordinators itself.
   */
  async attempt<T>(
    what: string,
    signal: AbortSignal,
    work: () => Promise<T>,
    options: { readonly onFault?: (fault: BrokerFault) => void; readonly retryMs?: number } = {},
  ): Promise<T> {
    const retryMs = options.retryMs ?? this.connection.retryMs;
    let since: number | null = null;
    for (let tries = 0; ; tries += 1) {
      try {
        return await until(signal, work());
      } catch (error) {
        if (isAborted(signal)) throw signal.reason;
        if (this.#closed.signal.aborted) throw this.#closed.signal.reason;
        const fault = faultOf(error);
        options.onFault?.(fault);
        if (fault.kind === 'final') throw kafkaError(what, error);
        since ??= this.clock.now();
        const patience = fault.code === 'KAFKA_TOPIC_MISSING' ? Math.min(unknownTopicMs, retryMs) : retryMs;
        if (this.clock.now() - since >= patience) throw kafkaError(what, error);
        if (fault.name === null || !stays.has(fault.name)) this.forget();
        const delay = Math.min(longestDelayMs, firstDelayMs * 2 ** Math.min(tries, 16));
        await this.clock.sleep(delay * (0.5 + this.clock.random() / 2), signal);
      }
    }
  }

  forget(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
  }

  /** Any broker that takes a connection. */
  async any(pool: ConnectionPool = this.#control): Promise<Connection> {
    const known = [...this.#nodes.values(), ...this.#seeds];
    const start = Math.floor(this.clock.random() * known.length);
    return await pool.getFirstAvailable([...known.slice(start), ...known.slice(0, start)]);
  }

  async node(id: number, pool: ConnectionPool): Promise<Connection> {
    let address = this.#nodes.get(id);
    if (address === undefined) {
      await this.metadata([]);
      address = this.#nodes.get(id);
    }
    if (address === undefined) throw new this.library.ProtocolError('LEADER_NOT_AVAILABLE');
    return await pool.get(address);
  }

  async controller(): Promise<Connection> {
    await this.metadata([]);
    return this.#nodes.has(this.#controller) ? await this.node(this.#controller, this.#control) : await this.any();
  }

  async coordinator(kind: CoordinatorKind, key: string, pool: ConnectionPool): Promise<Connection> {
    const name = `${kind} ${key}`;
    let id = this.#coordinators.get(name);
    if (id === undefined) {
      const { GROUP, TRANSACTION } = this.library.FindCoordinatorKeyTypes;
      const type = kind === 'group' ? GROUP : TRANSACTION;
      const reply = await this.library.findCoordinatorV3.api.async(await this.any(), type, [key]);
      const found = reply.coordinators[0];
      if (found === undefined) throw new this.library.ProtocolError('COORDINATOR_NOT_AVAILABLE');
      id = found.nodeId;
      this.#nodes.set(id, { host: found.host, port: found.port });
      this.#coordinators.set(name, id);
    }
    return await this.node(id, pool);
  }

  /** The leader of a partition, if it is known without asking. */
  knownLeader(topic: string, partition: number): number | undefined {
    return this.#leaders.get(topic)?.[partition];
  }

  async leader(topic: string, partition: number): Promise<number> {
    const leader = (this.#leaders.get(topic) ?? (await this.leaders(topic)))[partition];
    if (leader === undefined) throw new this.library.ProtocolError('UNKNOWN_TOPIC_OR_PARTITION');
    if (leader < 0) throw new this.library.ProtocolError('LEADER_NOT_AVAILABLE');
    return leader;
  }

  /** The leader of each partition of a topic, asked anew; -1 where there is none at the moment. */
  leaders(topic: string): Promise<readonly number[]> {
    let loading = this.#loading.get(topic);
    if (loading === undefined) {
      loading = this.metadata([topic])
        .then((topics) => topics.get(topic) ?? [])
        .finally(() => this.#loading.delete(topic));
      this.#loading.set(topic, loading);
    }
    return loading;
  }

  /** The leaders of topics, null for all that are not internal. A topic that is asked for by name and missing is an error. */
  async metadata(topics: readonly string[] | null): Promise<ReadonlyMap<string, readonly number[]>> {
    const asked = topics === null ? null : [...topics];
    const reply = await this.library.metadataV9.api.async(await this.any(), asked, false, false, false).catch(
      // One missing leader makes an error of the whole answer, which holds all others.
      (error: unknown) => usableAnswer(error) ?? Promise.reject(error),
    );
    this.#nodes = new Map(reply.brokers.map((broker) => [broker.nodeId, { host: broker.host, port: broker.port }]));
    this.#controller = reply.controllerId;
    const found = new Map<string, readonly number[]>();
    for (const topic of reply.topics) {
      if (topic.errorCode !== 0 && topics !== null) throw new this.library.ProtocolError(topic.errorCode);
      if (topic.errorCode !== 0 || (topics === null && topic.isInternal)) continue;
      const leaders: number[] = [];
      for (const partition of topic.partitions) leaders[partition.partitionIndex] = partition.leaderId;
      found.set(topic.name, leaders);
      this.#leaders.set(topic.name, leaders);
    }
    return found;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.users].map((user) => user[Symbol.asyncDispose]()));
    this.#closed.abort(new SluiceError('KAFKA_FAULT', 'Kafka: the client was closed'));
    await Promise.all([...this.#pools].map((pool) => this.closePool(pool)));
  }
}

type Metadata = Awaited<ReturnType<Library['metadataV9']['api']['async']>>;

function usableAnswer(error: unknown): Metadata | undefined {
  const response = (error as { response?: Metadata }).response;
  return response !== undefined && Array.isArray(response.topics) ? response : undefined;
}

function addressOf(broker: string): Address {
  const at = broker.lastIndexOf(':');
  const host = broker.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(broker.slice(at + 1)) };
}

function saslOptions(sasl: NonNullable<KafkaConnection['sasl']>) {
  if (sasl.mechanism === 'oauthbearer') return { mechanism: 'OAUTHBEARER' as const, token: sasl.token };
  const mechanism = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const;
  return { mechanism: mechanism[sasl.mechanism], username: sasl.username, password: sasl.password };
}
