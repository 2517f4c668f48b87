import { SluiceError } from '../../src/sdk.ts';
import { httpName } from './http-address.ts';

interface Redirect {
  readonly status: number;
  readonly location: string | undefined;
  readonly method: string;
}

/**
 * Where a redirect leads, and by which method. Throws CONFIG_INVALID for a host that is neither the same nor among those allowed, for
 * one that would give TLS up, and for one by which the body would be lost.
 */
export function redirectTarget(
  from: URL,
  { status, location, method }: Redirect,
  allowedHosts: readonly string[],
): { readonly url: URL; readonly method: string } {
  const url = location === undefined ? null : URL.parse(location, from.href);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw refused(from, status, 'to no address of http or https; set url to the one that answers by itself');
  url.username = '';
  url.password = '';
  const to = httpName(url);
  if (from.protocol === 'https:' && url.protocol === 'http:')
    throw refused(from, status, `to ${to}, without TLS; set url to an address that keeps it`);
  const isAllowed = url.host === from.host || allowedHosts.some((host) => host === url.host || host === url.hostname);
  if (!isAllowed)
    throw refused(from, status, `to ${to}, another host; add ${url.host} to allowedHosts if that is meant`);
  if (status === 307 || status === 308 || method === 'GET' || method === 'HEAD') return { url, method };
  if (status === 303 && method === 'POST') return { url, method: 'GET' };
  throw refused(from, status, `to ${to} in a way that loses the body; set url to that address`);
}

function refused(from: URL, status: number, what: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `${httpName(from)} redirects (${status}) ${what}.`, { status });
}
