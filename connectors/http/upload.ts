import { createHash } from 'node:crypto';
import { SluiceError } from '../../src/sdk.ts';
import type { HttpAddress } from './http-address.ts';
import type { HttpConnection } from './http-connection.ts';
import { replyFault } from './http-fault.ts';
import { replyChunks, replyText } from './reply-body.ts';

/** What is sent, and how. */
export interface Upload {
  readonly method: 'PUT' | 'POST';
  /** Of the body. */
  readonly contentType: string;
  /** Tells attempts of this upload from other uploads, on servers that look at it. */
  readonly idempotencyKey: string;
  /** Whether something that is there already may be replaced; looked at for PUT only. */
  readonly replace: boolean;
  readonly bytes: number;
  /** Sends the body in chunks, without its length. */
  readonly chunked: boolean;
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/**
 * Sends a body, again from its start while that fails in a way that may pass. A server that has something at the address already, and says
 * so, is believed only when it is not this very body: an attempt whose answer was lost may have left it. Throws OUTPUT_EXISTS,
 * STORE_UNREACHABLE, STORE_ACCESS, OUTPUT_UNWRITABLE, OUTPUT_FULL.
 */
export async function upload(
  connection: HttpConnection,
  address: HttpAddress,
  what: Upload,
  signal: AbortSignal,
): Promise<void> {
  const { method, contentType, idempotencyKey, replace, bytes, chunked } = what;
  const patience = connection.patience();
  const reply = await connection.send(
    address,
    {
      method,
      headers: {
        'content-type': contentType,
        'idempotency-key': idempotencyKey,
        ...(method === 'PUT' && !replace ? { 'if-none-match': '*' } : {}),
      },
      body: { bytes: chunked ? null : bytes, chunks: (sending) => what.chunks(sending) },
    },
    patience,
    signal,
  );
  const status = reply.statusCode;
  if (status >= 200 && status < 300) {
    reply.resume();
    return;
  }
  const text = await replyText(reply, connection, signal);
  if (status !== 412) throw replyFault(status, text, { doing: 'write', name: address.name });
  if (await isThereAlready(connection, address, what, signal)) return;
  throw alreadyThere(address.name);
}

export function alreadyThere(name: string): SluiceError {
  return new SluiceError(
    'OUTPUT_EXISTS',
    `There is something at ${name} already. Choose another address, or replace it with --overwrite.`,
  );
}

/** Whether exactly this body is what stands at the address. */
async function isThereAlready(
  connection: HttpConnection,
  address: HttpAddress,
  what: Upload,
  signal: AbortSignal,
): Promise<boolean> {
  const reply = await connection.send(address, { method: 'GET' }, connection.patience(), signal);
  if (reply.statusCode !== 200) {
    reply.destroy();
    return false;
  }
  const [there, ours] = [createHash('sha256'), createHash('sha256')];
  for await (const chunk of replyChunks(reply, address.name, connection, signal)) there.update(chunk);
  for await (const chunk of what.chunks(signal)) ours.update(chunk);
  return there.digest('hex') === ours.digest('hex');
}
