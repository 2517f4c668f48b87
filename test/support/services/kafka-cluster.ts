import type { Broker } from './broker.ts';
import { freePort } from './free-port.ts';
import { javaBroker } from './java-broker.ts';
import { answers } from './kafka.ts';
import { type BrokerPlace, kafkaProperties } from './kafka-properties.ts';
import { kafkaJars } from './kafka-runtime.ts';

/** One of the brokers of a cluster. */
interface ClusterNode {
  /** By which Kafka's metadata names it. */
  readonly id: number;
  readonly address: string;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again with the records of before; resolves when it answers. */
  start(): Promise<void>;
}

/** A Kafka cluster of three brokers, which are controllers too: it goes on with two of them. */
export interface KafkaCluster extends AsyncDisposable {
  /** `host:port` of each. */
  readonly brokers: readonly string[];
  readonly nodes: readonly ClusterNode[];
}

const SIZE = 3;

/**
 * Starts a cluster, each broker in a rack `rack-<id>`; partitions can be read from any of their replicas. They are processes of this
 * machine even where Docker is: containers would have to reach each other under the addresses that the host gives them.
 */
export async function startKafkaCluster(): Promise<KafkaCluster> {
  const jars = await kafkaJars();
  const places: BrokerPlace[] = [];
  for (let node = 1; node <= SIZE; node += 1) {
    const ports = { plainPort: await freePort(), securePort: await freePort(), controllerPort: await freePort() };
    places.push({ ...ports, host: '127.0.0.1', bind: '127.0.0.1', logDir: '' });
  }
  const controllerPorts = places.map(({ controllerPort }) => controllerPort);
  const brokers = places.map(({ host, plainPort }) => `${host}:${plainPort}`);
  const running: Broker[] = [];
  const removed = async (): Promise<void> => {
    await Promise.all(running.map((broker) => broker.remove()));
  };
  const nodes: ClusterNode[] = [];
  try {
    for (const [index, place] of places.entries()) {
      const id = index + 1;
      const config = {
        'broker.rack': `rack-${id}`,
        'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
        'default.replication.factor': '3',
        'min.insync.replicas': '2',
        // What was killed is taken out of the replicas in sync soon, and leads again only when it is told to.
        'replica.lag.time.max.ms': '3000',
        'auto.leader.rebalance.enable': 'false',
      };
      const properties = (logDir: string): string =>
        kafkaProperties({ ...place, logDir }, { config }, { node: id, controllerPorts });
      const broker = await javaBroker(jars, properties, [], false, id);
      running.push(broker);
      const address = brokers[index]!;
      const start = async (): Promise<void> => {
        await broker.start();
        await answers([address], broker, 2);
      };
      nodes.push({ id, address, kill: () => broker.kill(), start });
    }
    await Promise.all(nodes.map((node) => node.start()));
    await answers(brokers, running[0]!, SIZE);
  } catch (error) {
    await removed();
    throw error;
  }
  return { brokers, nodes, [Symbol.asyncDispose]: removed };
}
