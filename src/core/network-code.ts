/** The codes with which Node says that no connection came about: nothing was sent. */
export const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_NODATA',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
]);

/** Those, and the ones with which it says that a connection was lost: the same may succeed by another one. */
export const CONNECTION_CODES: ReadonlySet<string> = new Set([
  ...UNREACHABLE_CODES,
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** The code of an error of the network, or of the first of the several that a name with several addresses gives; else ''. */
export function networkCodeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { code, errors } = error as { code?: unknown; errors?: unknown };
  if (typeof code === 'string') return code;
  return Array.isArray(errors) && errors.length > 0 ? networkCodeOf(errors[0]) : '';
}
