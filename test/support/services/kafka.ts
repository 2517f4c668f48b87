import { plainKafka } from '../plain-kafka.ts';
import type { Broker } from './broker.ts';
import { freePort } from './free-port.ts';
import { javaBroker } from './java-broker.ts';
import { type BrokerPlace, formatArguments, type KafkaOptions, kafkaProperties } from './kafka-properties.ts';
import { kafkaImage, kafkaRuntime, kafkaVersion } from './kafka-runtime.ts';
import { ofTheRun } from './of-the-run.ts';

/** A Kafka cluster of one broker. */
export interface KafkaService extends AsyncDisposable {
  /** `host:port` for clients, with TLS and login where they were asked for. */
  readonly brokers: readonly string[];
  /** The same broker without TLS and login. */
  readonly plainBrokers: readonly string[];
  /** What runs, from where and at which address: a line for people. */
  readonly description: string;
  /** Null while it is down, in a container of another machine, and for a shared broker. */
  readonly pid: number | null;
  /** Where its records are, in its own file system. Empty for a shared broker. */
  readonly logDir: string;
  /** `kill -9`; resolves when it is gone. */
  kill(): Promise<void>;
  /** Orderly, by SIGTERM. */
  stop(): Promise<void>;
  /** Starts it again, at the same address with the records of before; resolves when it answers. */
  start(): Promise<void>;
  /** SIGSTOP: it holds its connections and answers nothing. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): Promise<void>;
}

/**
 * The broker that all files of a test run share: use topics and groups with a prefix of your own. The address in SLUICE_TEST_KAFKA
 * (host:port, several by commas), else one that the run starts when the first test asks. It cannot be killed or stopped, and
 * disposing of it does nothing.
 */
export async function kafkaService(): Promise<KafkaService> {
  const brokers = (await ofTheRun('kafka')) ?? namedBrokers() ?? (await ownShared()).brokers;
  const refuse = async (): Promise<never> => {
    throw new Error('This broker is shared by all tests. A test that kills or stops one starts its own: startKafka().');
  };
  return {
    brokers,
    plainBrokers: brokers,
    description: `the shared Kafka on ${brokers.join(', ')}`,
    pid: null,
    logDir: '',
    kill: refuse,
    stop: refuse,
    start: refuse,
    pause: refuse,
    resume: refuse,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** The brokers of SLUICE_TEST_KAFKA; null without it. */
export function namedBrokers(): readonly string[] | null {
  const named = process.env.SLUICE_TEST_KAFKA?.split(',').flatMap((address) => address.trim() || []) ?? [];
  return named.length === 0 ? null : named;
}

/** Starts a broker of the caller's own, which ends with it, and resolves when it answers (about 5 s). Dispose of it. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaService> {
  const runtime = await kafkaRuntime();
  const docker = runtime.kind === 'docker';
  const ports = { plainPort: await freePort(), securePort: await freePort(), controllerPort: await freePort() };
  const host = docker ? runtime.host : '127.0.0.1';
  const properties = (logDir: string): string => {
    const place: BrokerPlace = { ...ports, host, bind: docker ? '0.0.0.0' : '127.0.0.1', logDir };
    return kafkaProperties(place, options);
  };
  const broker = docker
    ? await (await import('./docker-broker.ts')).dockerBroker(kafkaImage, properties, formatArguments(options), [
        ports.plainPort,
        ports.securePort,
      ])
    : await javaBroker(runtime.jars, properties, formatArguments(options), options.lasting === true);
  const plainBrokers = [`${host}:${ports.plainPort}`];
  const secured = options.sasl !== undefined || options.tls === true;
  const brokers = secured ? [`${host}:${ports.securePort}`] : plainBrokers;
  const start = async (): Promise<void> => {
    await broker.start();
    await answers(plainBrokers, broker);
  };
  const service: KafkaService = {
    brokers,
    plainBrokers,
    description: `Kafka ${kafkaVersion} from ${docker ? `the image ${kafkaImage}` : 'Maven Central'} on ${brokers[0]}`,
    get pid() {
      return broker.pid;
    },
    logDir: broker.logDir,
    kill: () => broker.kill(),
    stop: () => broker.stop(),
    start,
    pause: () => broker.pause(),
    resume: () => broker.resume(),
    [Symbol.asyncDispose]: () => broker.remove(),
  };
  try {
    await start();
  } catch (error) {
    await broker.remove();
    throw error;
  }
  return service;
}

/** Resolves when the broker names itself as a member of its cluster, which it does only when it can be written to. */
export async function answers(brokers: readonly string[], broker: Broker, members = 1): Promise<void> {
  const client = plainKafka(brokers, { connectionTimeout: 500, requestTimeout: 2000, retry: { retries: 0 } });
  const deadline = performance.now() + 60_000;
  for (;;) {
    const admin = client.admin();
    try {
      await admin.connect();
      if ((await admin.describeCluster()).brokers.length >= members) return;
    } catch (error) {
      if (!broker.isRunning || performance.now() > deadline)
        throw new Error(`Kafka does not answer. It said:\n${await broker.said()}`, { cause: error });
    } finally {
      await admin.disconnect();
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

let shared: Promise<KafkaService> | undefined;

/** For programs that are no test run: one per process, which ends with it. */
function ownShared(): Promise<KafkaService> {
  shared ??= startKafka();
  return shared;
}
