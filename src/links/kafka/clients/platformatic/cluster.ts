import { isIP } from 'node:net';
import type { Connection, ConnectionPool } from '@platformatic/kafka';
import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaConnection } from '../../settings.ts';
import { Attempts } from '../protocol/attempts.ts';
import { type BrokerAddress, brokerAddress } from '../protocol/broker-address.ts';
import { faultOf } from './broker-fault.ts';
import type { Library } from './library.ts';

/** What a coordinator is asked for. */
export type CoordinatorKind = 'group' | 'transaction';

/**
 * The brokers as they are now: who leads which partition, who coordinates which group. What it knows it forgets at every
 * error that is worth another try, so that the next try asks again.
 */
export class Cluster {
  readonly library: Library;
  readonly clock: Clock;
  readonly connection: KafkaConnection;
  readonly attempts: Attempts;
  /** What is open over this cluster, to be closed with it. */
  readonly users = new Set<AsyncDisposable>();
  readonly #control: ConnectionPool;
  readonly #seeds: readonly BrokerAddress[];
  readonly #pools = new Set<ConnectionPool>();
  readonly #closed = new AbortController();
  #nodes = new Map<number, BrokerAddress>();
  #controller = -1;
  readonly #leaders = new Map<string, readonly number[]>();
  readonly #loading = new Map<string, Promise<readonly number[]>>();
  readonly #coordinators = new Map<string, number>();

  constructor(library: Library, connection: KafkaConnection, clock: Clock) {
    this.library = library;
    this.connection = connection;
    this.clock = clock;
    this.#seeds = connection.brokers.map((broker) => brokerAddress(broker));
    this.#control = this.pool(30_000);
    const { retryMs } = connection;
    this.attempts = new Attempts({ clock, retryMs, closed: this.closed, faultOf, forget: () => this.forget() });
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

function saslOptions(sasl: NonNullable<KafkaConnection['sasl']>) {
  if (sasl.mechanism === 'oauthbearer')
    return { mechanism: 'OAUTHBEARER' as const, token: sasl.token, authBytesValidator: assertLoggedIn };
  const mechanism = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const;
  return { mechanism: mechanism[sasl.mechanism], username: sasl.username, password: sasl.password };
}

/** A refused token is answered with a challenge (RFC 7628), which the library takes for a success. */
function assertLoggedIn(reply: Buffer, done: (error: Error | null, reply: Buffer) => void): void {
  const refusal = reply.length === 0 ? null : new Error(`the broker refuses the token of kafka.sasl: ${String(reply)}`);
  done(refusal, reply);
}
