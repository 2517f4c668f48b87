import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaConnection } from '../../settings.ts';
import { Attempts } from '../protocol/attempts.ts';
import { type BrokerAddress, brokerAddress } from '../protocol/broker-address.ts';
import { openKafkajs } from './connection.ts';
import { faultOf } from './fault.ts';
import { brokerMaker, createErrorFromCode, type LibraryBroker } from './library.ts';
import { requestMetadata } from './metadata-request.ts';
import { Sockets } from './sockets.ts';

const leaderNotAvailable = 5;
const unknownTopic = 3;

/** What a connection is for: a broker answers one in order. */
export type BrokerLine = 'control' | 'join' | 'group' | 'fetch 0' | 'fetch 1';

/**
 * Connections of kafkajs, and who leads which partition and coordinates what, without kafkajs's own cluster: that one keeps topics
 * that were removed, and fails in ways of its own where every broker is away. What it knows it forgets at every error that is worth
 * another try.
 */
export class Brokers {
  readonly clock: Clock;
  readonly attempts: Attempts;
  readonly #sockets = new Sockets();
  readonly #closed = new AbortController();
  readonly #seeds: readonly BrokerAddress[];
  readonly #make: (at: BrokerAddress) => Promise<LibraryBroker>;
  readonly #connected = new Map<string, Promise<LibraryBroker>>();
  readonly #nodes = new Map<number, BrokerAddress>();
  readonly #leaders = new Map<string, readonly number[]>();
  readonly #asked = new Map<string, Promise<readonly number[]>>();
  readonly #coordinators = new Map<string, Promise<number>>();

  /** @param requestTimeoutMs for requests that name no other, or a shorter one. Left out: as a client's own. */
  constructor(connection: KafkaConnection, clock: Clock, requestTimeoutMs?: number) {
    const { retryMs } = connection;
    this.clock = clock;
    this.attempts = new Attempts({
      clock,
      retryMs,
      closed: this.#closed.signal,
      faultOf,
      forget: () => this.forget(),
    });
    this.#seeds = connection.brokers.map((broker) => brokerAddress(broker));
    // Nothing is repeated by kafkajs itself.
    const once = { firstMs: 1, longestMs: 1, totalMs: 0 };
    this.#make = brokerMaker(openKafkajs(connection, once, () => undefined, this.#sockets, requestTimeoutMs));
  }

  /** Aborts when it is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The broker that leads a partition. */
  async leader(topic: string, partition: number): Promise<number> {
    const leader = (this.#leaders.get(topic) ?? (await this.leaders(topic)))[partition];
    if (leader === undefined) throw createErrorFromCode(unknownTopic);
    if (leader < 0) throw createErrorFromCode(leaderNotAvailable);
    return leader;
  }

  /** The leader of a partition, if it is known without asking. */
  knownLeader(topic: string, partition: number): number | undefined {
    return this.#leaders.get(topic)?.[partition];
  }

  /** The leader of each partition of a topic, asked anew, once for all who want to know; -1 where there is none at the moment. */
  leaders(topic: string): Promise<readonly number[]> {
    let asked = this.#asked.get(topic);
    if (asked === undefined) {
      asked = this.metadata([topic])
        .then((topics) => topics.get(topic) ?? [])
        .finally(() => this.#asked.delete(topic));
      this.#asked.set(topic, asked);
    }
    return asked;
  }

  /** The leaders of topics, null for all that are not internal. A topic that is asked for by name and missing is an error. */
  async metadata(topics: readonly string[] | null): Promise<ReadonlyMap<string, readonly number[]>> {
    const { nodes, leaders } = await requestMetadata(await this.any(), topics);
    for (const [id, address] of nodes) this.#nodes.set(id, address);
    for (const [topic, led] of leaders) this.#leaders.set(topic, led);
    return leaders;
  }

  async node(id: number, line: BrokerLine = 'control'): Promise<LibraryBroker> {
    const address = this.#nodes.get(id);
    if (address === undefined) throw createErrorFromCode(leaderNotAvailable);
    return await this.#at(address, line);
  }

  /** Any broker that takes a connection. */
  async any(): Promise<LibraryBroker> {
    const known = [...this.#nodes.values(), ...this.#seeds];
    const start = Math.floor(this.clock.random() * known.length);
    let failure: unknown;
    for (const address of [...known.slice(start), ...known.slice(0, start)]) {
      try {
        return await this.#at(address, 'control');
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async coordinator(kind: 'group' | 'transaction', key: string, line: BrokerLine = 'control'): Promise<LibraryBroker> {
    const find = async (): Promise<number> => {
      const broker = await this.any();
      const coordinatorType = kind === 'group' ? 0 : 1;
      const { coordinator } = await broker.findGroupCoordinator({ groupId: key, coordinatorType });
      this.#nodes.set(coordinator.nodeId, coordinator);
      return coordinator.nodeId;
    };
    return await this.node(await this.#kept(this.#coordinators, `${kind} ${key}`, find), line);
  }

  /** Whoever is asked next asks again. */
  forget(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
  }

  async close(): Promise<void> {
    this.#closed.abort(new SluiceError('KAFKA_FAULT', 'Kafka: the client was closed'));
    // First: what is still under way to a broker that is silent would be waited for.
    this.#sockets.close();
    const ending = [...this.#connected.values()].map(async (broker) => (await broker).disconnect());
    await Promise.allSettled(ending);
  }

  /** Connected; a connection that broke is made anew. */
  async #at(address: BrokerAddress, line: BrokerLine): Promise<LibraryBroker> {
    const broker = await this.#kept(this.#connected, `${address.host} ${address.port} ${line}`, () =>
      this.#make(address),
    );
    this.#closed.signal.throwIfAborted();
    // Always: it is connected for kafkajs before it knows which requests there are, and waits here for whoever is at it.
    await broker.connect();
    return broker;
  }

  /** What is being asked, or was answered: once for all who want to know. */
  #kept<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
    let answer = known.get(key);
    if (answer === undefined) {
      const asked = ask();
      answer = asked;
      known.set(key, asked);
      asked.catch(() => {
        if (known.get(key) === asked) known.delete(key);
      });
    }
    return answer;
  }
}
