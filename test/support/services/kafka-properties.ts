import { selfSigned } from '../self-signed.ts';

type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';

/** What a broker of a test's own can be asked for. */
export interface KafkaOptions {
  /** Settings of the broker, by Kafka's names; they win over ours. */
  readonly config?: Readonly<Record<string, string>>;
  /** A user; clients must log in. */
  readonly sasl?: {
    readonly mechanism: SaslMechanism;
    /** Ways to log in besides, for the same user. */
    readonly others?: readonly SaslMechanism[];
    readonly username: string;
    readonly password: string;
  };
  /** Clients must speak TLS; the certificate is the one of `selfSigned`. */
  readonly tls?: boolean;
  /**
   * Runs as a broker does that is there to stay: Kafka's own threads, and in Java's machine its own flags. Slower to start than the
   * brokers of tests, and faster when it has run for a while: for benches.
   */
  readonly lasting?: boolean;
}

/** Where a broker listens and keeps its records. */
export interface BrokerPlace {
  /** The name under which clients reach it. */
  readonly host: string;
  /** The address that it binds. */
  readonly bind: string;
  readonly logDir: string;
  /** Without TLS and login, always. */
  readonly plainPort: number;
  /** With TLS, login or both. */
  readonly securePort: number;
  readonly controllerPort: number;
}

/** A broker of several. */
export interface ClusterPlace {
  /** From 1. */
  readonly node: number;
  /** Of all nodes, in their order. */
  readonly controllerPorts: readonly number[];
}

/** The text of server.properties of a broker that starts, ends and rebalances quickly. @param cluster left out: it is a whole cluster. */
export function kafkaProperties(place: BrokerPlace, options: KafkaOptions, cluster?: ClusterPlace): string {
  const { sasl, tls = false, lasting = false, config = {} } = options;
  const { node, controllerPorts } = cluster ?? { node: 1, controllerPorts: [place.controllerPort] };
  const replicas = String(Math.min(3, controllerPorts.length));
  const inSync = String(Math.min(2, controllerPorts.length));
  const secure = sasl === undefined ? 'SSL' : tls ? 'SASL_SSL' : 'SASL_PLAINTEXT';
  const listeners: readonly (readonly [name: string, protocol: string, port: number])[] = [
    ['PLAIN', 'PLAINTEXT', place.plainPort],
    ...(sasl !== undefined || tls ? ([['SECURE', secure, place.securePort]] as const) : []),
  ];
  const all = [...listeners, ['CONTROLLER', 'PLAINTEXT', place.controllerPort] as const];
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(node),
    'controller.quorum.voters': controllerPorts.map((port, index) => `${index + 1}@127.0.0.1:${port}`).join(','),
    listeners: all
      .map(([name, , port]) => `${name}://${name === 'CONTROLLER' ? '127.0.0.1' : place.bind}:${port}`)
      .join(','),
    'advertised.listeners': listeners.map(([name, , port]) => `${name}://${place.host}:${port}`).join(','),
    'listener.security.protocol.map': all.map(([name, protocol]) => `${name}:${protocol}`).join(','),
    'inter.broker.listener.name': 'PLAIN',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': place.logDir,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '4',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // A broker that was killed may register again only when its old session is over.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '500',
    'log.cleaner.dedupe.buffer.size': '4194304',
    // Compacts soon what a test wants compacted.
    'log.cleaner.backoff.ms': '300',
    ...(lasting ? {} : { 'num.network.threads': '2', 'num.io.threads': '2' }),
  };
  if (sasl !== undefined) {
    const login = 'org.apache.kafka.common.security';
    properties['sasl.enabled.mechanisms'] = mechanismsOf(sasl).join(',').toUpperCase();
    const modules: Readonly<Record<SaslMechanism, string>> = {
      plain: `plain.PlainLoginModule required user_${sasl.username}="${sasl.password}"`,
      'scram-sha-256': 'scram.ScramLoginModule required',
      'scram-sha-512': 'scram.ScramLoginModule required',
      // Takes tokens without a signature, whoever they name.
      oauthbearer: `oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="${sasl.username}"`,
    };
    for (const mechanism of mechanismsOf(sasl))
      properties[`listener.name.secure.${mechanism}.sasl.jaas.config`] = `${login}.${modules[mechanism]};`;
  }
  if (tls) {
    properties['listener.name.secure.ssl.keystore.type'] = 'PEM';
    properties['listener.name.secure.ssl.keystore.certificate.chain'] = oneLine(selfSigned.cert);
    properties['listener.name.secure.ssl.keystore.key'] = oneLine(selfSigned.key);
  }
  return Object.entries({ ...properties, ...config })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** What the format command needs besides: users of SCRAM are records of the cluster. */
export function formatArguments({ sasl }: KafkaOptions): readonly string[] {
  if (sasl === undefined) return [];
  return mechanismsOf(sasl)
    .filter((mechanism) => mechanism.startsWith('scram'))
    .flatMap((mechanism) => [
      '--add-scram',
      `${mechanism.toUpperCase()}=[name=${sasl.username},password=${sasl.password}]`,
    ]);
}

function mechanismsOf({ mechanism, others = [] }: NonNullable<KafkaOptions['sasl']>): readonly SaslMechanism[] {
  return [mechanism, ...others];
}

/** As a value of a properties file. */
function oneLine(pem: string): string {
  return pem.trim().replaceAll('\n', '\\n');
}
