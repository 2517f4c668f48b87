import { SluiceError } from '../../../../core/error.ts';
import type { ErrorCode } from '../../../../core/error-table.ts';

/** What went wrong with a request. */
export interface BrokerFault {
  /** Kafka's name of it, such as NOT_LEADER_OR_FOLLOWER; null when no broker said so. */
  readonly name: string | null;
  /** `network`: nobody knows whether the request was carried out. `later`: it was not, and may be soon. */
  readonly kind: 'network' | 'later' | 'final';
  readonly code: ErrorCode;
  readonly text: string;
}

/** The broker refused, and yet may have written: the followers were late. */
const unsure = new Set(['REQUEST_TIMED_OUT', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND', 'NETWORK_EXCEPTION']);
const later = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_CONTROLLER',
  'CONCURRENT_TRANSACTIONS',
  'UNSTABLE_OFFSET_COMMIT',
  'OFFSET_NOT_AVAILABLE',
  'UNKNOWN_LEADER_EPOCH',
  'FENCED_LEADER_EPOCH',
  'THROTTLING_QUOTA_EXCEEDED',
  'BROKER_NOT_AVAILABLE',
]);
const codes: Readonly<Record<string, ErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'KAFKA_TOPIC_MISSING',
  UNKNOWN_TOPIC_ID: 'KAFKA_TOPIC_MISSING',
  INVALID_TOPIC_EXCEPTION: 'KAFKA_TOPIC_MISSING',
  MESSAGE_TOO_LARGE: 'KAFKA_RECORD_TOO_LARGE',
  RECORD_LIST_TOO_LARGE: 'KAFKA_RECORD_TOO_LARGE',
  INVALID_PRODUCER_EPOCH: 'KAFKA_FENCED',
  PRODUCER_FENCED: 'KAFKA_FENCED',
  INVALID_PRODUCER_ID_MAPPING: 'KAFKA_FENCED',
  TRANSACTION_COORDINATOR_FENCED: 'KAFKA_FENCED',
  FENCED_INSTANCE_ID: 'KAFKA_FENCED',
  ILLEGAL_GENERATION: 'KAFKA_FENCED',
  UNKNOWN_MEMBER_ID: 'KAFKA_FENCED',
  REBALANCE_IN_PROGRESS: 'KAFKA_FENCED',
  UNSUPPORTED_SASL_MECHANISM: 'KAFKA_ACCESS',
  ILLEGAL_SASL_STATE: 'KAFKA_ACCESS',
  SECURITY_DISABLED: 'KAFKA_ACCESS',
};

/** A broker's refusal. @param retriable whether Kafka's table of errors says that trying again may help. */
export function refusal(name: string, retriable: boolean, text: string): BrokerFault {
  const code = codes[name] ?? (/AUTHORIZATION_FAILED|SASL_AUTHENTICATION/.test(name) ? 'KAFKA_ACCESS' : 'KAFKA_FAULT');
  const again = code !== 'KAFKA_FENCED' && (later.has(name) || retriable);
  const kind = unsure.has(name) ? 'network' : again ? 'later' : 'final';
  return { name, kind, code, text };
}

/** The SluiceError for a failed attempt to do `what`. */
export function errorOfFault(what: string, { name, kind, code, text }: BrokerFault, cause: unknown): SluiceError {
  // What is retryable and was not over in time is unreachable to us, unless it has a name of its own.
  const final = kind !== 'final' && code === 'KAFKA_FAULT' ? 'KAFKA_UNREACHABLE' : code;
  const said = `Kafka: ${what}: ${text}${name === null || text.includes(name) ? '' : ` (${name})`}`;
  return new SluiceError(final, `${said}${advice[final] ?? ''}`, { cause });
}

const advice: Readonly<Partial<Record<ErrorCode, string>>> = {
  KAFKA_UNREACHABLE: '; check that the brokers run and that kafka.brokers names them',
  KAFKA_ACCESS: '; check kafka.sasl, kafka.tls and the rights of this user',
  KAFKA_TOPIC_MISSING: '; create it again, or correct its name',
  KAFKA_RECORD_TOO_LARGE: '; raise max.message.bytes of the topic',
};
