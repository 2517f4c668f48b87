import { findSluiceError, messageOf, SluiceError } from '../../../../core/error.ts';
import type { ErrorCode } from '../../../../core/error-table.ts';

/** What went wrong with a request, out of the library's chain of errors. */
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

/** OpenSSL's and Node's names for a certificate that is not accepted. */
const certificate = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_SSL|ERR_OSSL/;

/** Reads any thrown thing. */
export function faultOf(error: unknown): BrokerFault {
  const chain = linksOf(error);
  const refused = chain.find((link) => typeof link.apiId === 'string');
  if (refused?.apiId !== undefined) return refusal(refused.apiId, refused);
  const named = (code: string): ChainLink | undefined => chain.find((link) => link.code === code);
  const denied =
    named('PLT_KFK_AUTHENTICATION') ?? chain.find((link) => certificate.test(link.code ?? '')) ?? plainToTls(chain);
  if (denied !== undefined) return { name: null, kind: 'final', code: 'KAFKA_ACCESS', text: reason(denied) };
  const broken =
    named('PLT_KFK_NETWORK') ?? chain.find((link) => /^(E[A-Z]+|PLT_KFK_UNEXPECTED.*)$/.test(link.code ?? ''));
  if (broken !== undefined) {
    // The last one in the chain is the socket's own error.
    return { name: null, kind: 'network', code: 'KAFKA_UNREACHABLE', text: reason(chain.at(-1) ?? broken) };
  }
  return { name: null, kind: 'final', code: 'KAFKA_FAULT', text: messageOf(error) };
}

/** The SluiceError for a failed attempt to do `what`. */
export function kafkaError(what: string, error: unknown): SluiceError {
  const known = findSluiceError(error);
  if (known !== undefined) return known;
  const fault = faultOf(error);
  // What is retryable and was not over in time is unreachable to us, unless it has a name of its own.
  const code = fault.kind !== 'final' && fault.code === 'KAFKA_FAULT' ? 'KAFKA_UNREACHABLE' : fault.code;
  return new SluiceError(code, `Kafka: ${what}: ${fault.text}${fault.name === null ? '' : ` (${fault.name})`}`, {
    cause: error,
  });
}

interface ChainLink {
  readonly code?: string;
  readonly apiId?: string;
  readonly canRetry?: boolean;
  readonly message?: string;
  readonly serverErrorMessage?: string | null;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

function linksOf(error: unknown): readonly ChainLink[] {
  const found: ChainLink[] = [];
  const todo = [error];
  while (todo.length > 0 && found.length < 64) {
    const at = todo.shift();
    if (typeof at !== 'object' || at === null || found.includes(at)) continue;
    found.push(at);
    const link: ChainLink = at;
    todo.push(link.cause, ...(Array.isArray(link.errors) ? link.errors : []));
  }
  return found;
}

function refusal(name: string, link: ChainLink): BrokerFault {
  const code = codes[name] ?? (/AUTHORIZATION_FAILED|SASL_AUTHENTICATION/.test(name) ? 'KAFKA_ACCESS' : 'KAFKA_FAULT');
  const again = code !== 'KAFKA_FENCED' && (later.has(name) || link.canRetry === true);
  const kind = unsure.has(name) ? 'network' : again ? 'later' : 'final';
  return { name, kind, code, text: link.serverErrorMessage || reason(link) };
}

function plainToTls(chain: readonly ChainLink[]): ChainLink | undefined {
  return chain.find((link) => link.code === 'PLT_KFK_USER' && /requires TLS/.test(link.message ?? ''));
}

function reason(link: ChainLink): string {
  return (link.message ?? '') || (link.code ?? 'unknown error');
}
