import { createHash } from 'node:crypto';
import { type Json, SluiceError } from '../../src/sdk.ts';
import type { HttpAddress } from './http-address.ts';
import type { HttpConnection, HttpReply, HttpRequest } from './http-connection.ts';
import { replyFault } from './http-fault.ts';
import { replyChunks, replyText } from './reply-body.ts';

/** The state that the body at an address is in, as far as its server tells. */
export interface HttpState {
  /** Null when the server does not say how long it is. */
  readonly bytes: number | null;
  readonly etag: string | null;
  readonly modified: string | null;
  /** SHA-256 of its start, where the server says nothing else to tell it by. */
  readonly head: string | null;
  /** Whether parts of it can be asked for. */
  readonly ranges: boolean;
}

/** How a body is asked for. */
export interface HttpQuery {
  readonly method: 'GET' | 'POST';
  /** What is sent with a POST. */
  readonly body: string | null;
  /** Whether bytes that the server has packed are taken as they are; otherwise they are refused. */
  readonly packed: boolean;
}

/** So much of its start tells a body that has neither an ETag nor a time. */
const HEAD_BYTES = 64 * 1024;

/** Asks in which state a body is, by its first byte: signed addresses and many servers take no HEAD. */
export async function httpState(
  connection: HttpConnection,
  address: HttpAddress,
  query: HttpQuery,
  signal: AbortSignal,
): Promise<HttpState> {
  const patience = connection.patience();
  // What a POST asks for is made for it: a part of it would be made anew.
  const first: Record<string, string> = query.method === 'GET' ? { range: 'bytes=0-0' } : {};
  let reply = await connection.send(address, requestOf(query, first), patience, signal);
  if (reply.statusCode === 416) {
    const isEmpty = reply.headers['content-range']?.replaceAll(' ', '') === 'bytes*/0';
    const validators = validatorsOf(reply);
    reply.destroy();
    if (isEmpty) return { bytes: 0, ...validators, head: null, ranges: true };
    reply = await connection.send(address, requestOf(query, {}), patience, signal);
  }
  try {
    await assertReadable(reply, address, query, connection, signal);
    const validators = validatorsOf(reply);
    const ranges = reply.statusCode === 206;
    const bytes = ranges ? totalOf(reply.headers['content-range']) : lengthOf(reply);
    if (validators.etag !== null || validators.modified !== null) return { bytes, ...validators, head: null, ranges };
  } finally {
    reply.destroy();
  }
  const ranges = reply.statusCode === 206;
  const bytes = ranges ? totalOf(reply.headers['content-range']) : lengthOf(reply);
  return { bytes, etag: null, modified: null, head: await headDigest(connection, address, query, signal), ranges };
}

/** What tells one state from another, for identities. */
export function versionOf({ bytes, etag, modified, head }: HttpState): Json {
  return { bytes, etag, modified, ...(head === null ? {} : { head }) };
}

/** Throws INTAKE_CHANGED when a later reply is of another state. */
export function assertSameState(reply: HttpReply, state: HttpState, { name }: HttpAddress): void {
  const { etag, modified } = validatorsOf(reply);
  const bytes = reply.statusCode === 206 ? totalOf(reply.headers['content-range']) : lengthOf(reply);
  if (isSame(etag, state.etag) && isSame(bytes, state.bytes) && (etag !== null || isSame(modified, state.modified)))
    return;
  throw changed(name, `${state.bytes ?? 'unknown'} bytes then, ${bytes ?? 'unknown'} now`);
}

/** A server that answers for several may leave something out; what it does say must fit. */
function isSame(now: string | number | null, then: string | number | null): boolean {
  return now === null || then === null || now === then;
}

export function changed(name: string, how: string): SluiceError {
  return new SluiceError(
    'INTAKE_CHANGED',
    `${name} was changed while it was read (${how}). Start anew with --overwrite when it is complete.`,
  );
}

/** Throws what a reply means that holds no body to read. */
export async function assertReadable(
  reply: HttpReply,
  { name }: HttpAddress,
  { packed }: HttpQuery,
  connection: HttpConnection,
  signal: AbortSignal,
): Promise<void> {
  const status = reply.statusCode;
  if (status !== 200 && status !== 206)
    throw replyFault(status, await replyText(reply, connection, signal), { doing: 'read', name });
  const encoding = reply.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity' || encoding === '' || packed) return;
  throw new SluiceError(
    'INTAKE_UNREADABLE',
    `${name} gives its body packed (${encoding}), though it was asked not to. ` +
      `Set intakeSettings.compression to ${/gzip/.test(encoding) ? 'gzip' : 'what it is'}.`,
  );
}

/** A request for a body, or a part of it. */
export function requestOf({ method, body }: HttpQuery, headers: Readonly<Record<string, string>>): HttpRequest {
  if (body === null) return { method, headers };
  const bytes = Buffer.from(body);
  const chunks = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  return { method, headers, body: { bytes: bytes.length, chunks } };
}

function validatorsOf({ headers }: HttpReply): { readonly etag: string | null; readonly modified: string | null } {
  return { etag: headers.etag ?? null, modified: headers['last-modified'] ?? null };
}

function lengthOf({ headers }: HttpReply): number | null {
  const length = headers['content-length'];
  return length === undefined ? null : Number(length);
}

function totalOf(range: string | undefined): number | null {
  const total = /\/(\d+)$/.exec(range ?? '')?.[1];
  return total === undefined ? null : Number(total);
}

async function headDigest(
  connection: HttpConnection,
  address: HttpAddress,
  query: HttpQuery,
  signal: AbortSignal,
): Promise<string> {
  const patience = connection.patience();
  for (;;) {
    try {
      const hash = createHash('sha256');
      let room = HEAD_BYTES;
      const reply = await connection.send(address, requestOf(query, {}), patience, signal);
      for await (const chunk of replyChunks(reply, address.name, connection, signal)) {
        hash.update(chunk.subarray(0, room));
        room -= chunk.length;
        if (room <= 0) break;
      }
      return hash.digest('hex');
    } catch (error) {
      await patience.outlast(error, signal);
    }
  }
}
