import { messageOf, SluiceError } from '../../../../core/error.ts';
import { type BrokerFault, refusal } from '../protocol/broker-fault.ts';

/** OpenSSL's and Node's names for a certificate that is not accepted. */
const certificate = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_SSL|ERR_OSSL/;

/** What went wrong, out of the library's chain of errors, or of any thrown thing. */
export function faultOf(error: unknown): BrokerFault {
  const chain = linksOf(error);
  const own = chain.find((link) => link instanceof SluiceError);
  if (own !== undefined) return { name: null, kind: 'final', code: own.code, text: own.message };
  const refused = chain.find((link) => typeof link.apiId === 'string');
  if (refused?.apiId !== undefined) {
    const text = refused.serverErrorMessage || reason(refused);
    return refusal(refused.apiId, refused.canRetry === true, text);
  }
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

function plainToTls(chain: readonly ChainLink[]): ChainLink | undefined {
  return chain.find((link) => link.code === 'PLT_KFK_USER' && /requires TLS/.test(link.message ?? ''));
}

function reason(link: ChainLink): string {
  return (link.message ?? '') || (link.code ?? 'unknown error');
}
