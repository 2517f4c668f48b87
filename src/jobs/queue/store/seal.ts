import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { SluiceError } from '../../../core/error.ts';
import type { SealingKey, SealingKeys } from './sealing-keys.ts';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORM = /^sealed:1:([0-9a-f]{8}):([\w-]+)$/;
/** What is kept and begins so was sealed; JSON does not. */
const SEALED = 'sealed:';

/** The text of a record, opened where it is sealed: before there was a key texts were kept as they are. Throws SEAL_BROKEN. @param seal null: there is no key. */
export function openText(text: string, record: string, seal: Seal | null): string {
  if (!text.startsWith(SEALED)) return text;
  if (seal === null) throw broken(record, 'SLUICE_KEY is not set');
  return seal.open(text, record);
}

/** Keeps texts unreadable at rest: AES-256-GCM, each with a nonce of its own. */
export interface Seal {
  /** @param record what the text belongs to, of one kind and one ID; elsewhere the sealed text cannot be opened. */
  seal(text: string, record: string): string;
  /** Throws SEAL_BROKEN when it was changed, belongs to another record, or was sealed with a key that is not here. */
  open(sealed: string, record: string): string;
  /** What all that is sealed with the key of today begins with. */
  readonly prefix: string;
}

export function createSeal({ current, old }: SealingKeys): Seal {
  const keys = new Map([...old, current].map((key) => [key.id, key]));
  return {
    seal: (text, record) => sealed(text, record, current),
    open: (text, record) => {
      const [, id, payload] = FORM.exec(text) ?? [];
      if (id === undefined || payload === undefined) throw broken(record, 'it was never sealed');
      const key = keys.get(id);
      if (key === undefined) throw broken(record, `it was sealed with the key ${id}; give that key by SLUICE_KEY_OLD`);
      return opened(Buffer.from(payload, 'base64url'), record, key);
    },
    prefix: prefixOf(current),
  };
}

function sealed(text: string, record: string, { id, bytes }: SealingKey): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', bytes, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(record));
  const payload = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${prefixOf({ id })}${payload.toString('base64url')}`;
}

function prefixOf({ id }: Pick<SealingKey, 'id'>): string {
  return `${SEALED}1:${id}:`;
}

function opened(payload: Buffer, record: string, { bytes }: SealingKey): string {
  try {
    const nonce = payload.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', bytes, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(record));
    decipher.setAuthTag(payload.subarray(-TAG_BYTES));
    const text = decipher.update(payload.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch (error) {
    throw broken(record, 'it was changed, or belongs to another record', error);
  }
}

function broken(record: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError('SEAL_BROKEN', `What is kept of ${record} cannot be opened: ${why}.`, { cause });
}
