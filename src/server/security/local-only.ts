const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;

/** Whether an address to listen on is of this machine alone. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host.replace(/^\[(.*)\]$/, '$1').toLowerCase());
}

/**
 * Whether a request to a server that knows no tokens comes from somebody of this machine, and not by way of a web page in his browser: the page's
 * host would stand in `Host` where its name leads here (DNS rebinding), in `Origin` where it sends what needs no permission (CSRF).
 */
export function isFromHere(headers: {
  readonly host?: string | undefined;
  readonly origin?: string | undefined;
  readonly 'sec-fetch-site'?: string | string[] | undefined;
}): boolean {
  const { host = '', origin, 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const named = URL.parse(`http://${host}`);
  if (named === null || !isLoopback(named.hostname)) return false;
  if (origin === undefined) return true;
  return URL.parse(origin)?.host === named.host;
}
