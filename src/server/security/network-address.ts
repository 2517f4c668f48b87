import { BlockList, isIP } from 'node:net';

/** What nobody outside of this machine's networks should reach through it, and what has no host behind it. */
const CLOSED_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8], // this host
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared by the customers of a provider; metadata of Alibaba's cloud
  ['127.0.0.0', 8], // loopback
  ['168.63.129.16', 32], // the host of a machine in Azure
  ['169.254.0.0', 16], // link-local; metadata of most clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocols; metadata of Oracle's cloud
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // relays of 6to4
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, broadcast
];

/** Of IPv6 only addresses that are routed worldwide are open; these are among them and are not. */
const CLOSED_V6: readonly (readonly [string, number])[] = [
  ['2001::', 23], // protocols, Teredo
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: an address of IPv4 inside
  ['3fff::', 20], // documentation
];

const closed4 = blockList(CLOSED_V4, 'ipv4');
const closed6 = blockList(CLOSED_V6, 'ipv6');
const worldwide6 = blockList([['2000::', 3]], 'ipv6');
/** Addresses of IPv6 that stand for one of IPv4: mapped, and as DNS64 makes them. */
const carriers = [blockList([['::ffff:0:0', 96]], 'ipv6'), blockList([['64:ff9b::', 96]], 'ipv6')];

/** The address of IPv4 that one of IPv6 stands for; any other in its shortest form, without a zone. Texts that are no address stay as they are. */
export function plainAddress(address: string): string {
  const bare = address.replace(/%.*$/s, '');
  if (isIP(bare) !== 6) return bare;
  // The parser of URLs writes all groups in hexadecimal, whatever they were written in.
  const text = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  if (!carriers.some((list) => list.check(text, 'ipv6'))) return text;
  const [high = 0, low = 0] = lastGroups(text);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** Whether an address is one of the open network: not of this machine, of a network behind it, of a cloud's metadata, or of no single host. */
export function isOpenAddress(address: string): boolean {
  const plain = plainAddress(address);
  const family = isIP(plain);
  if (family === 4) return !closed4.check(plain, 'ipv4');
  return family === 6 && worldwide6.check(plain, 'ipv6') && !closed6.check(plain, 'ipv6');
}

function blockList(ranges: readonly (readonly [string, number])[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const [net, prefix] of ranges) list.addSubnet(net, prefix, family);
  return list;
}

/** The last 32 bits, as two groups. */
function lastGroups(text: string): readonly number[] {
  const groups = (text.endsWith('::') ? `${text}0` : text).split(':').slice(-2);
  return groups.map((group) => Number.parseInt(group || '0', 16));
}
