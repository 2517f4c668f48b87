/**
 * Resolves a name, as the `lookup` of Node's sockets: they connect to the addresses that it gives and to no others. Fails with the
 * guard's own error for a name that leads nowhere else than where nobody may connect to.
 */
export type GuardedLookup = (
  hostname: string,
  options: object,
  callback: (error: Error | null, address: string | { address: string; family: number }[], family?: number) => void,
) => void;

/**
 * Asked before each connection to an address that somebody gave who may not reach all that this machine can. Throws TARGET_REFUSED for an
 * address that may not be connected to; for a name it gives the `lookup` that the connection must use, so that the address that was
 * looked at is the one that is connected to. Connections that are kept are not asked for again.
 * @param host a name or an address, without brackets, as it is given to a socket.
 */
export interface ConnectionGuard {
  (host: string, port: number): GuardedLookup;
  /** What it lets through beside the open network, as it was written: another process makes the same guard of it. */
  readonly targets: readonly string[];
}

/** Where an address leads: its host as sockets take it, and its port. */
export function targetOf({ hostname, port, protocol }: URL): { readonly host: string; readonly port: number } {
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port) || (protocol === 'https:' ? 443 : 80) };
}
