import { findSluiceError, messageOf, SluiceError } from '../core/error.ts';
import { networkCodeOf, UNREACHABLE_CODES } from '../core/network-code.ts';

/** No connection came about: no request was sent. */
const unreachable: ReadonlySet<string> = new Set([...UNREACHABLE_CODES, 'UND_ERR_CONNECT_TIMEOUT']);

/** How Node and OpenSSL name certificates that they do not trust. */
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

/**
 * The request cannot be sent as it is. To try again is worse than in vain: the pool takes a refused request for a connection that is busy,
 * and lets later ones wait for it without an end.
 */
const unsendable: ReadonlySet<string> = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);

const timeouts: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'stopped in the middle of a reply',
};

/** What an error of the network means; one of ours, which the guard of connections throws, comes back as it is. @param origin scheme, host and port of the server. */
export function networkFault(origin: string, error: unknown): SluiceError {
  const known = findSluiceError(error);
  if (known !== undefined) return known;
  const code = networkCodeOf(error);
  const text = messageOf(error).slice(0, 200);
  if (untrusted.test(code)) {
    return new SluiceError(
      'CONFIG_INVALID',
      `No trusted connection to ${origin}: ${text} (${code}). ` +
        'Set deployment.caFile to the certificate of its authority, or check the address (http or https).',
      { cause: error },
    );
  }
  if (unsendable.has(code)) {
    return new SluiceError(
      'CONFIG_INVALID',
      `A request to ${origin} cannot be sent: ${text}. Look for a line end or another control character in deployment.token, ` +
        'dataRobotKey and headers, and leave headers of the connection itself out.',
      { cause: error },
    );
  }
  if (unreachable.has(code)) {
    return new SluiceError('SERVER_UNREACHABLE', `No connection to the prediction server at ${origin} (${code}).`, {
      cause: error,
    });
  }
  const what = timeouts[code] ?? `broke the connection (${code === '' ? text : `${code}: ${text}`})`;
  return new SluiceError('SERVER_OVERLOADED', `The prediction server at ${origin} ${what}.`, { cause: error });
}
