import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSeal } from '../../../src/jobs/queue/store/seal.ts';
import { sealingKeys } from '../../../src/jobs/queue/store/sealing-keys.ts';

const key = randomBytes(32);
const hex = key.toString('hex');
const keysOf = (env: Record<string, string>, files: Record<string, string> = {}) =>
  sealingKeys({
    env,
    readFile: (path) => {
      const text = files[path];
      if (text === undefined) throw new Error('ENOENT');
      return text;
    },
  });
const sealOf = (env: Record<string, string>) => createSeal(keysOf(env)!);

describe('keys', () => {
  test('come in hex, in base64, in base64url, and from a file', () => {
    const all = [
      keysOf({ SLUICE_KEY: hex }),
      keysOf({ SLUICE_KEY: hex.toUpperCase() }),
      keysOf({ SLUICE_KEY: key.toString('base64') }),
      keysOf({ SLUICE_KEY: key.toString('base64url') }),
      keysOf({ SLUICE_KEY_FILE: '/run/key' }, { '/run/key': `${hex}\n` }),
    ];
    for (const keys of all) expect(keys?.current.bytes).toEqual(key);
  });

  test('are none where nothing is set', () => expect(keysOf({ SLUICE_KEY: '' })).toBeNull());

  test.each([
    { SLUICE_KEY: 'short' },
    { SLUICE_KEY: hex.slice(2) },
    { SLUICE_KEY: `${hex}00` },
    { SLUICE_KEY: 'g'.repeat(64) },
    { SLUICE_KEY: `${hex} ${hex}` },
    { SLUICE_KEY_OLD: hex },
    { SLUICE_KEY: hex, SLUICE_KEY_OLD: 'secret that is no key' },
    { SLUICE_KEY_FILE: '/nowhere' },
  ])('that are none are refused without being shown: %#', (env) => {
    const text = (() => {
      try {
        keysOf(env);
        return null;
      } catch (error) {
        return String(error);
      }
    })();
    expect(text).toMatch(/SLUICE_KEY/);
    for (const value of Object.values(env)) if (value !== '/nowhere') expect(text).not.toContain(value);
  });
});

describe('what is sealed', () => {
  test('is opened again, and is never the same twice', () => {
    const seal = sealOf({ SLUICE_KEY: hex });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, record) => {
        const [one, other] = [seal.seal(text, record), seal.seal(text, record)];
        expect(one).not.toBe(other);
        expect(seal.open(one, record)).toBe(text);
        expect(seal.open(other, record)).toBe(text);
      }),
    );
  });

  test('does not hold its text', () => {
    const sealed = sealOf({ SLUICE_KEY: hex }).seal('a very secret password', 'credential 1');
    expect(sealed).not.toContain('secret');
    expect(Buffer.from(sealed.split(':').at(-1)!, 'base64url').toString('latin1')).not.toContain('secret');
  });

  test('cannot be moved to another record', () => {
    const seal = sealOf({ SLUICE_KEY: hex });
    expect(() => seal.open(seal.seal('text', 'credential 1'), 'credential 2')).toThrow(
      expect.objectContaining({ code: 'SEAL_BROKEN' }),
    );
  });

  test('cannot be changed in a single bit', () => {
    const seal = sealOf({ SLUICE_KEY: hex });
    const sealed = seal.seal('text', 'r');
    const [head, payload] = [sealed.slice(0, sealed.lastIndexOf(':') + 1), sealed.slice(sealed.lastIndexOf(':') + 1)];
    const bytes = Buffer.from(payload, 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => seal.open(`${head}${changed.toString('base64url')}`, 'r')).toThrow(
        expect.objectContaining({ code: 'SEAL_BROKEN' }),
      );
    }
    for (const cut of ['', 'sealed:1:00000000:', `${head}AA`, 'plain text', head + payload.slice(0, 20)])
      expect(() => seal.open(cut, 'r')).toThrow(expect.objectContaining({ code: 'SEAL_BROKEN' }));
  });

  test('is opened after the key was changed, as long as the old one is given, and known to be old', () => {
    const sealed = sealOf({ SLUICE_KEY: hex }).seal('text', 'r');
    const next = randomBytes(32).toString('base64');
    const rotated = sealOf({ SLUICE_KEY: next, SLUICE_KEY_OLD: `${randomBytes(32).toString('hex')}, ${hex}` });
    expect(rotated.open(sealed, 'r')).toBe('text');
    expect(sealed.startsWith(rotated.prefix)).toBe(false);
    expect(rotated.seal('text', 'r').startsWith(rotated.prefix)).toBe(true);
    const without = sealOf({ SLUICE_KEY: next });
    expect(() => without.open(sealed, 'r')).toThrow(/SLUICE_KEY_OLD/);
  });
});
