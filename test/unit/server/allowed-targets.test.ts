import type { LookupAddress } from 'node:dns';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowedTargets } from '../../../src/server/security/allowed-targets.ts';
import { isOpenAddress, plainAddress } from '../../../src/server/security/network-address.ts';

/** A resolver of names that knows those of a test; the answers to one name come in turn. */
function names(known: Readonly<Record<string, readonly string[][]>>) {
  const asked = new Map<string, number>();
  return (
    hostname: string,
    _options: object,
    callback: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
  ): void => {
    const turn = asked.get(hostname) ?? 0;
    asked.set(hostname, turn + 1);
    const answers = known[hostname];
    if (answers === undefined) return callback(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), []);
    const found = answers[Math.min(turn, answers.length - 1)]!;
    callback(
      null,
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

/** The addresses that a connection would try; rejects as the connection would. */
async function addresses(guard: ReturnType<typeof allowedTargets>, host: string, port = 443): Promise<string[]> {
  const lookup = guard(host, port);
  return new Promise((resolve, reject) =>
    lookup(host, { all: true }, (error, found) =>
      error === null ? resolve((found as LookupAddress[]).map(({ address }) => address)) : reject(error),
    ),
  );
}

const closed = [
  '127.0.0.1',
  '127.255.255.254',
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '169.254.169.254',
  '168.63.129.16',
  '100.64.0.1',
  '100.100.100.200',
  '192.0.0.192',
  '198.18.0.1',
  '224.0.0.1',
  '239.255.255.255',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'fc00::1',
  'fd00:ec2::254',
  'fd20:ce::254',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::ffff:a9fe:a9fe',
  '::127.0.0.1',
  '64:ff9b::10.0.0.1',
  '64:ff9b::7f00:1',
  '64:ff9b:1::1',
  '2002:7f00:1::',
  '2001:0:7f00:1::',
  '2001:db8::1',
  '3fff::1',
  '100::1',
  'not an address',
];
const open = [
  '1.1.1.1',
  '172.15.255.255',
  '172.32.0.1',
  '100.63.255.255',
  '2606:4700::1111',
  '::ffff:1.1.1.1',
  '64:ff9b::1.1.1.1',
];

describe('addresses', () => {
  test.each(closed)('%s is closed', (address) => expect(isOpenAddress(address)).toBe(false));
  test.each(open)('%s is open', (address) => expect(isOpenAddress(address)).toBe(true));

  test('an address of IPv4 and what carries it in IPv6 are the same', () => {
    const octets = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255));
    fc.assert(
      fc.property(octets, (four) => {
        const address = four.join('.');
        for (const carrier of ['::ffff:', '64:ff9b::']) {
          expect(plainAddress(`${carrier}${address}`)).toBe(address);
          expect(isOpenAddress(`${carrier}${address}`)).toBe(isOpenAddress(address));
        }
      }),
    );
  });
});

describe('the guard of connections', () => {
  test.each(closed.filter((address) => address.includes('.') || address.includes(':')))(
    'refuses %s before anything is resolved',
    (address) => {
      const guard = allowedTargets([], () => expect.unreachable());
      expect(() => guard(address, 80)).toThrow(expect.objectContaining({ code: 'TARGET_REFUSED' }));
    },
  );

  test.each([
    ['2130706433', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['0177.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['127.0.0.1.', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['LOCALHOST.', '::1'],
    ['127。0。0。1', '127.0.0.1'],
    ['metadata.google.internal', '169.254.169.254'],
  ])('refuses %s, which resolves to %s', async (host, address) => {
    const guard = allowedTargets([], names({ [host]: [[address]] }));
    await expect(addresses(guard, host)).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
  });

  test('says nothing of the address that a name has', async () => {
    const guard = allowedTargets([], names({ 'inner.test': [['10.20.30.40']] }));
    await expect(addresses(guard, 'inner.test')).rejects.toMatchObject({
      message: expect.not.stringContaining('10.20.30.40'),
    });
  });

  test('connects to the address that it looked at, and looks at every answer anew', async () => {
    const guard = allowedTargets([], names({ 'rebound.test': [['93.184.216.34'], ['127.0.0.1']] }));
    await expect(addresses(guard, 'rebound.test')).resolves.toEqual(['93.184.216.34']);
    await expect(addresses(guard, 'rebound.test')).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
  });

  test('leaves out the closed ones of several addresses', async () => {
    const guard = allowedTargets([], names({ 'two.test': [['10.0.0.1', '93.184.216.34', '::1']] }));
    await expect(addresses(guard, 'two.test')).resolves.toEqual(['93.184.216.34']);
  });

  test('hands on that a name is not known', async () => {
    await expect(addresses(allowedTargets([], names({})), 'nowhere.test')).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  const known = { 'db.inner.test': [['10.1.2.3']], 'other.test': [['10.9.9.9']] };
  test.each([
    { target: 'db.inner.test', host: 'db.inner.test', port: 5432 },
    { target: 'DB.Inner.test.', host: 'db.inner.test', port: 5432 },
    { target: 'db.inner.test:5432', host: 'db.inner.test', port: 5432 },
    { target: '10.1.0.0/16', host: 'db.inner.test', port: 5432 },
    { target: '10.1.2.3', host: 'db.inner.test', port: 5432 },
    { target: '10.1.2.3:5432', host: 'db.inner.test', port: 5432 },
    { target: '::ffff:10.1.2.3', host: '10.1.2.3', port: 1 },
    { target: '10.1.2.3', host: '::ffff:10.1.2.3', port: 1 },
    { target: '[fd00::1]:9000', host: 'fd00::1', port: 9000 },
    { target: 'fd00::/8', host: 'fd00::1', port: 1 },
    { target: 'fd00::1', host: 'fd00:0::1', port: 1 },
  ])('$target allows $host:$port', async ({ target, host, port }) => {
    const guard = allowedTargets([target], names(known));
    expect(() => guard(host, port)).not.toThrow();
    if (host in known) await expect(addresses(guard, host, port)).resolves.toEqual(['10.1.2.3']);
  });

  test.each([
    { target: 'db.inner.test:5432', host: 'db.inner.test', port: 22 },
    { target: 'db.inner.test', host: 'other.test', port: 5432 },
    { target: '10.1.0.0/16', host: 'other.test', port: 5432 },
    { target: '10.1.2.3:5432', host: 'db.inner.test', port: 22 },
  ])('$target does not allow $host:$port', async ({ target, host, port }) => {
    await expect(addresses(allowedTargets([target], names(known)), host, port)).rejects.toMatchObject({
      code: 'TARGET_REFUSED',
    });
  });

  test.each([
    '',
    'http://host',
    'a:b',
    'host:0',
    'host:70000',
    '10.0.0.0/33',
    '10.0.0/8',
    'host/8',
    '10.0.0.0/8/8',
    'u@h',
  ])('does not take %j for a target', (target) => {
    expect(() => allowedTargets([target])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
