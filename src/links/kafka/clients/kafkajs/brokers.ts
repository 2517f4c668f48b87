import type { Clock } from '../../../../core/clock.ts';
import { SluiceError } from '../../../../core/error.ts';
import type { KafkaConnection } from '../../settings.ts';
import { Attempts } from '../protocol/attempts.ts';
import { type BrokerAddress, brokerAddress } from '../protocol/broker-address.ts';
import { openKafkajs } from './connection.ts';
import { faultOf } from './fault.ts';
import { brokerMaker, createErrorFromCode, type LibraryBroker } from './library.ts';
import { Sockets } from './sockets.ts';

const leaderNotAvailable = 5;
const unknownTopic = 3;

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
  readonly #leaders = new Map<string, Promise<readonly number[]>>();
  readonly #coordinators = new Map<string, Promise<number>>();

  constructor(connection: KafkaConnection, clock: Clock) {
    const { retryMs } = connection;
    this.clock = clock;
    this.attempts = new Attempts({
      clock,
      retryMs,
      closed: this.#closed.signal,
      faultOf,
      forget: () => this.#forget(),
    });
    this.#seeds = connection.brokers.map((broker) => brokerAddress(broker));
    // Nothing is repeated by kafkajs itself.
    const once = { firstMs: 1, longestMs: 1, totalMs: 0 };
    this.#make = brokerMaker(openKafkajs(connection, once, () => undefined, this.#sockets));
  }

  /** Aborts when it is closed. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The broker that leads a partition. */
  async leader(topic: string, partition: number): Promise<number> {
    const leader = (await this.#kept(this.#leaders, topic, () => this.#metadata(topic)))[partition];
    if (leader === undefined) throw createErrorFromCode(unknownTopic);
    if (leader < 0) throw createErrorFromCode(leaderNotAvailable);
    return leader;
  }

  async node(id: number): Promise<LibraryBroker> {
    const address = this.#nodes.get(id);
    if (address === undefined) throw createErrorFromCode(leaderNotAvailable);
    return await this.#at(address);
  }

  /** Any broker that takes a connection. */
  async any(): Promise<LibraryBroker> {
    const known = [...this.#nodes.values(), ...this.#seeds];
    const start = Math.floor(this.clock.random() * known.length);
    let failure: unknown;
    for (const address of [...known.slice(start), ...known.slice(0, start)]) {
      try {
        return await this.#at(address);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async coordinator(kind: 'group' | 'transaction', key: string): Promise<LibraryBroker> {
    const find = async (): Promise<number> => {
      const broker = await this.any();
      const coordinatorType = kind === 'group' ? 0 : 1;
      const { coordinator } = await broker.findGroupCoordinator({ groupId: key, coordinatorType });
      this.#nodes.set(coordinator.nodeId, coordinator);
      return coordinator.nodeId;
    };
    return await this.node(await this.#kept(this.#coordinators, `${kind} ${key}`, find));
  }

  async close(): Promise<void> {
    this.#closed.abort(new SluiceError('KAFKA_FAULT', 'Kafka: the client was closed'));
    // First: what is still under way to a broker that is silent would be waited for.
    this.#sockets.close();
    const ending = [...this.#connected.values()].map(async (broker) => (await broker).disconnect());
    await Promise.allSettled(ending);
  }

  async #metadata(topic: string): Promise<readonly number[]> {
    const broker = await this.any();
    const { brokers, topicMetadata } = await broker.metadata([topic]);
    for (const one of brokers) this.#nodes.set(one.nodeId, one);
    const leaders: number[] = [];
    for (const { partitionId, leader } of topicMetadata[0]?.partitionMetadata ?? []) leaders[partitionId] = leader;
    return leaders;
  }

  /** Connected; a connection that broke is made anew. */
  async #at(address: BrokerAddress): Promise<LibraryBroker> {
    const broker = await this.#kept(this.#connected, `${address.host} ${address.port}`, () => this.#make(address));
    this.#closed.signal.throwIfAborted();
    if (!broker.isConnected()) await broker.connect();
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

  #forget(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
  }
}
