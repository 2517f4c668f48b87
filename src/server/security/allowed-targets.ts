import { lookup as ask } from 'node:dns';
import { BlockList, isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { ConnectionGuard, GuardedLookup } from '../../core/connection-guard.ts';
import { SluiceError } from '../../core/error.ts';
import { isOpenAddress, plainAddress } from './network-address.ts';

/** Resolves a name as Node's own `lookup` does. */
type Resolve = (
  hostname: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: { address: string; family: number }[]) => void,
) => void;

/** One exception that a configuration makes. */
interface Allowed {
  /** A name in small letters, or an address; null for a range. */
  readonly host: string | null;
  readonly port: number | null;
  readonly range: BlockList | null;
}

/**
 * The guard of connections that jobs given over the API ask for: to the open network, and to what a configuration allows beside it.
 * Names are resolved for each connection, and the address that was looked at is the one that is connected to.
 * @param targets `host`, `host:port`, `[address]:port` or a range (`10.1.0.0/16`). Throws CONFIG_INVALID for one that is none of these.
 */
export function allowedTargets(targets: readonly string[], resolve: Resolve = ask): ConnectionGuard {
  const allowed = targets.map(parseTarget);
  const guard = (host: string, port: number): GuardedLookup => {
    const name = hostName(host);
    const isNamed = allowed.some((one) => one.host === name && (one.port ?? port) === port);
    const isAllowed = (address: string): boolean =>
      isNamed || isOpenAddress(address) || allowed.some((one) => covers(one, address, port));
    // Not every resolver knows these names, and none is right that says something else of them.
    const isLocal = name === 'localhost' || name.endsWith('.localhost');
    if (isLocal && !isNamed) throw refused(host, port);
    if (isIP(name.replace(/%.*$/s, '')) !== 0 && !isAllowed(name)) throw refused(host, port);
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error !== null) return callback(error, '', 0);
        const addresses = found.filter(({ address }) => isAllowed(address));
        const [first] = addresses;
        if (first === undefined) return callback(refused(hostname, port), '', 0);
        if ((options as { readonly all?: boolean }).all === true) return callback(null, addresses);
        callback(null, first.address, first.family);
      });
    };
  };
  return Object.assign(guard, { targets });
}

function covers({ host, port, range }: Allowed, address: string, toPort: number): boolean {
  const plain = plainAddress(address);
  if (range !== null) return range.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  return host === plain && (port ?? toPort) === toPort;
}

/** A name as resolvers compare it: small letters, no dot at its end, no letters beyond ASCII. */
function hostName(host: string): string {
  const bare = host.replace(/^\[(.*)\]$/s, '$1');
  if (isIP(bare.replace(/%.*$/s, '')) !== 0) return plainAddress(bare);
  return (domainToASCII(bare) || bare).toLowerCase().replace(/\.$/, '');
}

function parseTarget(text: string): Allowed {
  const [net, prefix, more] = text.split('/');
  if (prefix !== undefined) {
    const family = isIP(net!);
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (more !== undefined || family === 0 || !(bits <= (family === 4 ? 32 : 128))) throw unreadable(text);
    const range = new BlockList();
    range.addSubnet(net!, bits, family === 4 ? 'ipv4' : 'ipv6');
    return { host: null, port: null, range };
  }
  const found = isIP(text) === 6 ? [text, text, undefined] : /^(\[[^\]]+\]|[^:[\]\s@]+)(?::(\d{1,5}))?$/.exec(text);
  const port = found?.[2] === undefined ? null : Number(found[2]);
  if (found === null || (port !== null && (port < 1 || port > 65_535))) throw unreadable(text);
  return { host: hostName(found[1]!), port, range: null };
}

function unreadable(text: string): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `server.allowTargets has ${JSON.stringify(text)}: write a host, host:port or a range such as 10.1.0.0/16.`,
  );
}

/** Says nothing of what a name leads to: that would tell strangers about the network behind the server. */
function refused(host: string, port: number): SluiceError {
  const shown = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return new SluiceError(
    'TARGET_REFUSED',
    `Jobs of this server may not connect to ${shown}: it is no address of the open network. Whoever runs the server can allow it with server.allowTargets.`,
  );
}
