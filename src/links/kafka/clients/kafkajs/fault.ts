import { findSluiceError, messageOf, SluiceError } from '../../../../core/error.ts';
import type { ErrorCode } from '../../../../core/error-table.ts';

/** What an error of kafkajs may have; its classes are not told apart by anything else. */
interface Fault {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly code?: unknown;
  readonly retriable?: unknown;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
}

const fencing = new Set([
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'TRANSACTION_COORDINATOR_FENCED',
  'FENCED_INSTANCE_ID',
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
]);
const tooLarge = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);
const away = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSLockTimeout',
  'KafkaJSTimeout',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  // Where every broker failed, kafkajs reads properties of null and undefined (its withBroker and removeBroker).
  'TypeError',
]);

/** What kafkajs met, in Sluice's words. `doing` says what was asked for, as in "to write to topic a". */
export function kafkaFault(error: unknown, doing: string): SluiceError {
  const own = findSluiceError(error);
  if (own !== undefined) return own;
  const chain = chainOf(error);
  const said = messageOf(chain.at(-1) ?? error);
  const code = codeOf(chain, said);
  return new SluiceError(code, `Kafka did not let us ${doing}: ${said}${adviceFor(code)}`, { cause: error });
}

/** The protocol's names for the errors in a chain, such as UNKNOWN_MEMBER_ID. */
export function faultTypes(error: unknown): readonly string[] {
  return chainOf(error)
    .map(({ type }) => type)
    .filter((type) => typeof type === 'string');
}

function chainOf(error: unknown): readonly Fault[] {
  const chain: Fault[] = [];
  let next = error;
  while (typeof next === 'object' && next !== null && chain.length < 16 && !chain.includes(next)) {
    const fault: Fault = next;
    chain.push(fault);
    next = fault.errors?.[0] ?? fault.cause ?? fault.originalError;
  }
  return chain;
}

function codeOf(chain: readonly Fault[], said: string): ErrorCode {
  const has = (test: (fault: Fault) => boolean): boolean => chain.some(test);
  const typed = (types: ReadonlySet<string>): boolean => has(({ type }) => types.has(String(type)));
  if (has(({ name, type, code }) => name === 'KafkaJSSASLAuthenticationError' || isAccess(type) || isTls(code))) {
    return 'KAFKA_ACCESS';
  }
  // Error 90 is PRODUCER_FENCED, which is younger than kafkajs.
  if (typed(fencing) || said.includes('Unknown error code 90')) return 'KAFKA_FENCED';
  if (typed(tooLarge)) return 'KAFKA_RECORD_TOO_LARGE';
  if (has(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION')) return 'KAFKA_TOPIC_MISSING';
  if (has(({ name, type, retriable }) => away.has(String(name)) || (retriable === true && typeof type === 'string'))) {
    return 'KAFKA_UNREACHABLE';
  }
  return 'KAFKA_FAULT';
}

function isAccess(type: unknown): boolean {
  return typeof type === 'string' && (type.includes('AUTHORIZATION_FAILED') || type.includes('SASL'));
}

function isTls(code: unknown): boolean {
  return typeof code === 'string' && /CERT|^ERR_(TLS|SSL)|UNABLE_TO_|SELF_SIGNED/.test(code);
}

function adviceFor(code: ErrorCode): string {
  if (code === 'KAFKA_UNREACHABLE') return '; check that the brokers run and that kafka.brokers names them';
  if (code === 'KAFKA_ACCESS') return '; check kafka.sasl, kafka.tls and the rights of this user';
  if (code === 'KAFKA_RECORD_TOO_LARGE') return '; raise max.message.bytes of the topic';
  return '';
}
