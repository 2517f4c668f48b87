import kafkajs from 'kafkajs';
import type { KafkaConnection, KafkaSasl } from '../../settings.ts';
import { registerCodecs } from './codecs.ts';
import { mendIdleTimers } from './library.ts';
import { oauthLogin } from './oauth-login.ts';
import type { Sockets } from './sockets.ts';

/** What kafkajs says of itself while it works: warnings and errors, one line each. */
export type KafkajsLog = (message: string, detail: string) => void;

/** How kafkajs repeats what failed: `retries` pauses that grow from `firstMs` to `longestMs`. */
export interface RetryPace {
  readonly firstMs: number;
  readonly longestMs: number;
  /** Milliseconds that all pauses together last about. */
  readonly totalMs: number;
}

/**
 * Milliseconds before the end of a login at which kafkajs logs in anew. While less than that is left each request does: with kafkajs's own
 * ten seconds requests spoil each other's where a token is replaced late. A broker ends the connection of whoever is too late.
 */
const REAUTHENTICATION_MS = 1_000;

/** The options by which kafkajs keeps a pace. Every one is given: its own defaults depend on NODE_ENV. */
function retryOptions({ firstMs, longestMs, totalMs }: RetryPace): kafkajs.RetryOptions {
  let [pause, spent, retries] = [firstMs, 0, 0];
  while (spent < totalMs) {
    spent += pause;
    pause = Math.min(pause * 2, longestMs);
    retries += 1;
  }
  return { initialRetryTime: firstMs, maxRetryTime: longestMs, multiplier: 2, factor: 0.2, retries };
}

/**
 * A kafkajs client, for its connections and its administration.
 * @param sockets the connections of it; whoever opens it closes them at the end.
 */
export function openKafkajs(
  connection: KafkaConnection,
  pace: RetryPace,
  log: KafkajsLog,
  sockets: Sockets,
  requestTimeoutMs = Math.min(30_000, Math.max(5_000, connection.retryMs)),
): kafkajs.Kafka {
  registerCodecs();
  mendIdleTimers();
  const { tls, sasl } = connection;
  return new kafkajs.Kafka({
    clientId: connection.clientId,
    brokers: [...connection.brokers],
    connectionTimeout: 3_000,
    requestTimeout: requestTimeoutMs,
    reauthenticationThreshold: REAUTHENTICATION_MS,
    retry: retryOptions(pace),
    socketFactory: sockets.factory,
    logLevel: kafkajs.logLevel.WARN,
    logCreator:
      () =>
      ({ log: entry }) =>
        log(entry.message, typeof entry['error'] === 'string' ? entry['error'] : ''),
    ...(tls === null
      ? {}
      : {
          ssl: {
            rejectUnauthorized: tls.verify,
            ...(tls.ca === null ? {} : { ca: tls.ca }),
            ...(tls.cert === null ? {} : { cert: tls.cert }),
            ...(tls.key === null ? {} : { key: tls.key }),
          },
        }),
    ...(sasl === null ? {} : { sasl: saslOptions(sasl) }),
  });
}

function saslOptions(sasl: KafkaSasl): kafkajs.SASLOptions | kafkajs.Mechanism {
  if (sasl.mechanism === 'oauthbearer') return oauthLogin(sasl.token);
  const options: kafkajs.SASLOptions = {
    mechanism: sasl.mechanism,
    username: sasl.username,
    password: sasl.password(),
  };
  return options;
}
