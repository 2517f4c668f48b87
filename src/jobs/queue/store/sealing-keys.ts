import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { SluiceError } from '../../../core/error.ts';

/** A key of 32 bytes, and what names it in what was sealed with it. */
export interface SealingKey {
  readonly id: string;
  readonly bytes: Buffer;
}

/** The keys of a server: what is new is sealed with the first; what was sealed with one of the others can be opened still. */
export interface SealingKeys {
  readonly current: SealingKey;
  readonly old: readonly SealingKey[];
}

interface KeySources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile?: (path: string) => string;
}

const KEY_BYTES = 32;

/**
 * The keys of SLUICE_KEY (32 bytes in hex or base64), or of the file that SLUICE_KEY_FILE names, and those before it of SLUICE_KEY_OLD (or
 * SLUICE_KEY_OLD_FILE), with commas or spaces between them; null when there is none. Throws CONFIG_INVALID for what is no key, without showing it.
 */
export function sealingKeys(sources: KeySources): SealingKeys | null {
  const current = keysIn('SLUICE_KEY', sources);
  const old = keysIn('SLUICE_KEY_OLD', sources);
  const [first, second] = current;
  if (first === undefined) {
    if (old.length === 0) return null;
    throw new SluiceError('CONFIG_INVALID', 'SLUICE_KEY_OLD is set and SLUICE_KEY is not: set it to the new key.');
  }
  if (second !== undefined)
    throw new SluiceError('CONFIG_INVALID', 'SLUICE_KEY holds several keys: give those before it by SLUICE_KEY_OLD.');
  return { current: first, old };
}

function keysIn(
  name: string,
  { env, readFile = (path) => readFileSync(path, 'utf8') }: KeySources,
): readonly SealingKey[] {
  let text = env[name] ?? '';
  const file = env[`${name}_FILE`] ?? '';
  if (text === '' && file !== '') {
    try {
      text = readFile(file);
    } catch (error) {
      throw new SluiceError('CONFIG_UNREADABLE', `${name}_FILE names ${file}, which cannot be read.`, { cause: error });
    }
  }
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => keyOf(part, name));
}

function keyOf(text: string, name: string): SealingKey {
  const isHex = /^[0-9a-f]{64}$/i.test(text);
  const isBase64 = /^[\w+/-]{43}=?$/.test(text);
  const bytes = Buffer.from(text, isHex ? 'hex' : 'base64');
  if ((!isHex && !isBase64) || bytes.length !== KEY_BYTES)
    throw new SluiceError(
      'CONFIG_INVALID',
      `${name} must be ${KEY_BYTES} bytes, in hex or base64. Make a key with: openssl rand -hex ${KEY_BYTES}`,
    );
  const id = createHash('sha256').update('sluice key ').update(bytes).digest('hex').slice(0, 8);
  return { id, bytes };
}
