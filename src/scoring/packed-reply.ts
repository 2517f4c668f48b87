import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { SluiceError } from '../core/error.ts';
import { headerOf } from './wires/reply-text.ts';
import type { WireReply } from './wires/wire.ts';

const unpackers = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);

/** Whether a reply is compressed: nobody asks for it, but proxies do it unasked. */
export function isPacked(reply: WireReply): boolean {
  return encodingOf(reply) !== 'identity';
}

/**
 * The reply with its body unpacked.
 * @param limit bytes of the unpacked body at the most.
 * @throws REPLY_MISMATCH for a body that is not what its header says, or too large. The reply's own memory is given back.
 */
export async function unpacked(reply: WireReply, origin: string, limit: number): Promise<WireReply> {
  const encoding = encodingOf(reply);
  const unpack = unpackers.get(encoding);
  if (unpack === undefined)
    throw new SluiceError(
      'REPLY_MISMATCH',
      `A reply of ${origin} is packed as ${encoding.slice(0, 40)}, which is not read.`,
    );
  try {
    return { ...reply, body: await unpack(reply.body, { maxOutputLength: limit }) };
  } catch (cause) {
    const isLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    const what = isLarge
      ? `is larger than ${limit} bytes, unpacked`
      : `is not ${encoding}, as its header says, or breaks off`;
    throw new SluiceError('REPLY_MISMATCH', `A reply of ${origin} ${what}.`, { cause });
  } finally {
    reply.release?.();
  }
}

function encodingOf(reply: WireReply): string {
  return headerOf(reply, 'content-encoding')?.trim().toLowerCase() || 'identity';
}
