import { findSluiceError, messageOf, type SluiceError } from '../../../../core/error.ts';
import { type BrokerFault, errorOfFault, refusal } from '../protocol/broker-fault.ts';

/** What an error of kafkajs may have; its classes are not told apart by anything else. */
interface Fault {
  readonly name?: unknown;
  readonly type?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly retriable?: unknown;
  readonly cause?: unknown;
  readonly originalError?: unknown;
  readonly errors?: readonly unknown[];
}

/** Errors that are younger than kafkajs, which has but their numbers. */
const younger: Readonly<Record<string, string>> = {
  '88': 'UNSTABLE_OFFSET_COMMIT',
  '89': 'THROTTLING_QUOTA_EXCEEDED',
  '90': 'PRODUCER_FENCED',
};
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

/** What kafkajs met, in Sluice's words. `doing` says what was asked for, as in "write to topic a". */
export function kafkaFault(error: unknown, doing: string): SluiceError {
  return findSluiceError(error) ?? errorOfFault(`could not ${doing}`, faultOf(error), error);
}

/** What went wrong, out of kafkajs's chain of errors, or of any thrown thing. */
export function faultOf(error: unknown): BrokerFault {
  const own = findSluiceError(error);
  if (own !== undefined) return { name: null, kind: 'final', code: own.code, text: own.message };
  const chain = chainOf(error);
  const text = messageOf(chain.at(-1) ?? error);
  if (chain.some(({ name, code }) => name === 'KafkaJSSASLAuthenticationError' || isTls(code))) {
    return { name: null, kind: 'final', code: 'KAFKA_ACCESS', text };
  }
  for (const fault of chain) {
    const name = protocolName(fault);
    if (name !== null) return refusal(name, fault.retriable === true, text);
  }
  const kind = chain.some(({ name }) => away.has(String(name))) ? 'network' : 'final';
  return { name: null, kind, code: kind === 'network' ? 'KAFKA_UNREACHABLE' : 'KAFKA_FAULT', text };
}

/** The protocol's names for the errors in a chain, such as UNKNOWN_MEMBER_ID. */
export function faultTypes(error: unknown): readonly string[] {
  return chainOf(error).flatMap((fault) => protocolName(fault) ?? []);
}

function protocolName({ type, message }: Fault): string | null {
  if (type !== 'KAFKAJS_UNKNOWN_ERROR_CODE') return typeof type === 'string' ? type : null;
  const number = /\d+/.exec(String(message))?.[0] ?? '';
  return younger[number] ?? `error ${number}`;
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

function isTls(code: unknown): boolean {
  return typeof code === 'string' && /CERT|^ERR_(TLS|SSL)|UNABLE_TO_|SELF_SIGNED/.test(code);
}
