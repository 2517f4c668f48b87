import { messageOf } from '../../src/sdk.ts';

const UNTRUSTED: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
const NO_STORE = 'NoStore';

/** A reply that no store gives. */
export function noStoreReply(): Error {
  return Object.assign(new Error('a reply that no store gives'), { name: NO_STORE });
}

/** Why what answers at an address is not the store that was meant, and what to do; null when it may well be. */
export function wrongServer(error: unknown, code: unknown, endpoint: string): string | null {
  const text = messageOf(error);
  if ((error instanceof Error && error.name === NO_STORE) || /XML parse error|Deserialization error/.test(text))
    return `What answers at ${endpoint} does not speak S3. Correct endpointUrl.`;
  if (code === 'EPROTO' && text.includes('wrong version number'))
    return `What answers at ${endpoint} speaks no TLS. Write http:// in endpointUrl, or correct its port.`;
  if (typeof code === 'string' && UNTRUSTED.has(code))
    return `The certificate of ${endpoint} is not trusted (${code}). Name its authority in NODE_EXTRA_CA_CERTS, or correct endpointUrl.`;
  return null;
}
