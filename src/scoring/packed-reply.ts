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

const NO_BODY = new Uint8Array(0);

/**
 * The reply with its body unpacked. The reply's own memory is given back; the new body is nobody else's, and there is nothing to
 * release.
 *
 * What a status other than 200 means does not hang on its body: one that cannot be unpacked is taken as empty. Proxies refuse with the
 * headers of the reply that they could not pass on.
 * @param limit bytes of the unpacked body at the most.
 * @throws REPLY_MISMATCH for the body of a 200 that is not what its header says, or too large.
 */
export async function unpacked(reply: WireReply, origin: string, limit: number): Promise<WireReply> {
  const { status, headers } = reply;
  try {
    return { status, headers, body: await unpackedBody(reply, origin, limit) };
  } catch (error) {
    if (status === 200) throw error;
    return { status, headers, body: NO_BODY };
  } finally {
    reply.release?.();
  }
}

async function unpackedBody(reply: WireReply, origin: string, limit: number): Promise<Uint8Array> {
  const encoding = encodingOf(reply);
  const unpack = unpackers.get(encoding);
  if (unpack === undefined)
    throw new SluiceError(
      'REPLY_MISMATCH',
      `A reply of ${origin} is packed as ${encoding.slice(0, 40)}, which is not read.`,
    );
  try {
    return await unpack(reply.body, { maxOutputLength: limit });
  } catch (cause) {
    const isLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    const what = isLarge
      ? `is larger than ${limit} bytes, unpacked`
      : `is not ${encoding}, as its header says, or breaks off`;
    throw new SluiceError('REPLY_MISMATCH', `A reply of ${origin} ${what}.`, { cause });
  }
}

function encodingOf(reply: WireReply): string {
  return headerOf(reply, 'content-encoding')?.trim().toLowerCase() || 'identity';
}
