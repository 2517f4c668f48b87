/** A token for brokers of tests, which take it without a signature. @param seconds from now until it is over; may be past. */
export function unsecuredToken(user: string, seconds: number): { readonly token: string; readonly over: number } {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'none' }, { sub: user, iat: now, exp: now + seconds }];
  const token = `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
  return { token, over: 1000 * (now + seconds) };
}
