import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { promisify, TextDecoder } from 'node:util';
import { gunzip } from 'node:zlib';
import { SluiceError } from '../core/error.ts';
import { invalidRequest } from './input-rows.ts';

const unzip = promisify(gunzip);

/** A body that nothing comes of for so long, in milliseconds, is one of a client that is gone: its place among those under way is others'. */
const SILENT_MS = 60_000;

/** How much of a body that is too large is read and dropped, in limits: a client that is cut off in the middle never sees the reply. */
const DROPPED_LIMITS = 4;

/**
 * Reads a request's body as UTF-8, whatever its charset and compression. The limit holds for the bytes that come and for those
 * that they unpack to: REQUEST_TOO_LARGE (413). Unknown encodings and charsets are REQUEST_INVALID (415, 422).
 * @param limit in bytes.
 * @param binary a body that is not text is given as it is.
 * @param silentMs how long nothing may come before the connection is closed.
 */
export async function readBody(
  request: IncomingMessage,
  limit: number,
  { binary = false, silentMs = SILENT_MS }: { readonly binary?: boolean; readonly silentMs?: number } = {},
): Promise<Buffer> {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity' && encoding !== 'gzip') {
    throw new SluiceError('REQUEST_INVALID', `The content encoding ${encoding} is not supported; use gzip, or none.`, {
      status: 415,
    });
  }
  request.setTimeout(silentMs, () => request.destroy(tooSlow()));
  // What follows may take its time.
  const received = await receive(request, limit).finally(() => request.setTimeout(0));
  const body = encoding === 'gzip' ? await unpack(received, limit) : received;
  return binary ? body : toUtf8(body, charsetOf(request.headers['content-type']));
}

async function receive(request: IncomingMessage, limit: number): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > DROPPED_LIMITS * limit) throw tooLarge(limit);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= limit) chunks.push(chunk);
    else chunks.length = 0;
    if (length > DROPPED_LIMITS * limit) break;
  }
  if (length > limit) throw tooLarge(limit);
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

async function unpack(body: Buffer, limit: number): Promise<Buffer> {
  try {
    return await unzip(body, { maxOutputLength: limit });
  } catch (cause) {
    const tooMuch = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    if (tooMuch) throw tooLarge(limit);
    throw invalidRequest('The body is not gzip, as its content encoding says, or is cut off.');
  }
}

function charsetOf(contentType: string | undefined): string {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')?.[1]?.toLowerCase() ?? 'utf-8';
}

function toUtf8(body: Buffer, charset: string): Buffer {
  if (charset === 'utf-8' || charset === 'utf8') {
    if (!isUtf8(body)) throw invalidRequest('The body is not UTF-8; name its charset in the content type.');
    return body;
  }
  const decoder = decoderOf(charset);
  try {
    return Buffer.from(decoder.decode(body));
  } catch {
    throw invalidRequest(`The body is not in the charset ${charset}.`);
  }
}

/** Clients in Python name codecs in their own spelling, such as latin_1. */
function decoderOf(charset: string): TextDecoder {
  for (const label of [charset, charset.replaceAll('_', '-'), charset.replaceAll(/[_-]/g, '')]) {
    try {
      return new TextDecoder(label, { fatal: true });
    } catch {
      // The next spelling may be known.
    }
  }
  throw invalidRequest(`The charset ${charset.slice(0, 100)} is not known.`);
}

function tooSlow(): SluiceError {
  return new SluiceError('REQUEST_INVALID', 'Nothing came of the body for too long.', { status: 408 });
}

function tooLarge(limit: number): SluiceError {
  return new SluiceError('REQUEST_TOO_LARGE', `The body is larger than ${limit} bytes; send fewer rows.`, {
    status: 413,
  });
}
