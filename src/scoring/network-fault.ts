import { messageOf, SluiceError } from '../core/error.ts';

/** No connection came about: no request was sent. */
const unreachable = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** How Node and OpenSSL name certificates that they do not trust. */
const untrusted = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ERR_TLS|ERR_SSL/;

const timeouts: Readonly<Record<string, string>> = {
  UND_ERR_HEADERS_TIMEOUT: 'did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'stopped in the middle of a reply',
};

/** What an error of the network means. @param origin scheme, host and port of the server. */
export function networkFault(origin: string, error: unknown): SluiceError {
  const code = codeOf(error);
  const text = messageOf(error).slice(0, 200);
  if (untrusted.test(code)) {
    return new SluiceError(
      'CONFIG_INVALID',
      `No trusted connection to ${origin}: ${text} (${code}). ` +
        'Set deployment.caFile to the certificate of its authority, or check the address (http or https).',
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

/** The code of an error, or of the first of the several that a name with several addresses gives. */
function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : '';
}
