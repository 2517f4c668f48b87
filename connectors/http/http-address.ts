import { decodedPart, SluiceError } from '../../src/sdk.ts';

/** An address with the secrets that it may hold taken apart from what may be shown. */
export interface HttpAddress {
  /** Without user and password; the query may be a signature. */
  readonly url: URL;
  /** The header that the user and password in the address stand for; null without. */
  readonly authorization: string | null;
  /** Scheme, host and path: for messages, ledgers and manifests. */
  readonly name: string;
}

/** Takes an address apart. Throws CONFIG_INVALID for one that is not of http or https, without quoting it. */
export function parseHttpUrl(text: string): HttpAddress {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:'))
    throw new SluiceError('CONFIG_INVALID', 'url must be an http:// or https:// address');
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  const pair = `${decodedPart(username)}:${decodedPart(password)}`;
  const authorization = pair === ':' ? null : `Basic ${Buffer.from(pair).toString('base64')}`;
  return { url, authorization, name: httpName(url) };
}

/** What of an address may be shown. */
export function httpName(url: URL): string {
  return `${url.origin}${url.pathname}`;
}
