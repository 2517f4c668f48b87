import { createHash } from 'node:crypto';
import type { HttpAddress } from './http-address.ts';
import type { HttpConnection } from './http-connection.ts';
import { brokenOff } from './http-fault.ts';
import { assertReadable, assertSameState, changed, type HttpQuery, type HttpState, requestOf } from './http-state.ts';
import { replyChunks } from './reply-body.ts';

/**
 * The bytes of a body from `offset` on, all of one state. A reply that breaks off is continued where it did: by a range where the server has
 * them, else by reading it again from its start and leaving out what was given, once that has proved to be the same. Throws
 * INTAKE_CHANGED when the body is another by then.
 */
export async function* readBody(
  connection: HttpConnection,
  address: HttpAddress,
  state: HttpState,
  query: HttpQuery,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const { name } = address;
  const patience = connection.patience();
  // What was given, or left out, up to here: it tells that the start of a body is the same when it must be read again.
  let seen = state.ranges ? null : createHash('sha256');
  let isSeen = offset === 0;
  for (let at = offset; ; ) {
    const ranged = state.ranges && at > 0;
    if (state.bytes !== null && at >= state.bytes) return;
    try {
      const reply = await connection.send(
        address,
        requestOf(query, ranged ? { range: `bytes=${at}-`, ...condition(state) } : {}),
        patience,
        signal,
      );
      if (reply.statusCode === 416) {
        reply.destroy();
        throw changed(name, `it ends before byte ${at}`);
      }
      await assertReadable(reply, address, query, connection, signal).catch((error: unknown) => {
        reply.destroy();
        throw error;
      });
      assertSame(reply, state, address);
      if (reply.statusCode === 206 && startOf(reply.headers['content-range']) !== at) {
        reply.destroy();
        throw brokenOff(
          `gives ${reply.headers['content-range'] ?? 'some part'} for a range from byte ${at} on`,
          address,
        );
      }
      let skipped = reply.statusCode === 206 ? at : 0;
      const again = createHash('sha256');
      for await (const chunk of replyChunks(reply, name, connection, signal)) {
        const skip = chunk.subarray(0, at - skipped);
        again.update(skip);
        skipped += skip.length;
        if (skipped < at) continue;
        if (skip.length > 0 && seen !== null) {
          if (isSeen && again.copy().digest('hex') !== seen.copy().digest('hex'))
            throw changed(name, 'its start is another');
          seen = again.copy();
          isSeen = true;
        }
        const rest = chunk.subarray(skip.length);
        if (rest.length === 0) continue;
        seen?.update(rest);
        at += rest.length;
        skipped = at;
        patience.progressed();
        if (state.bytes !== null && at > state.bytes) throw changed(name, `it is longer than ${state.bytes} bytes`);
        yield rest;
      }
      if (skipped < at) throw changed(name, `it ends before byte ${at}`);
      if (state.bytes !== null && at < state.bytes)
        throw brokenOff(`ends after ${at} of ${state.bytes} bytes`, address);
      return;
    } catch (error) {
      await patience.outlast(error, signal);
    }
  }
}

function assertSame(reply: Parameters<typeof assertSameState>[0], state: HttpState, address: HttpAddress): void {
  try {
    assertSameState(reply, state, address);
  } catch (error) {
    reply.destroy();
    throw error;
  }
}

/** Only an ETag of the strong kind, or a time, tells that two parts are of one whole. */
function condition({ etag, modified }: HttpState): Record<string, string> {
  if (etag !== null && !etag.startsWith('W/')) return { 'if-range': etag };
  return modified === null ? {} : { 'if-range': modified };
}

function startOf(range: string | undefined): number | null {
  const start = /^bytes\s+(\d+)-/.exec(range ?? '')?.[1];
  return start === undefined ? null : Number(start);
}
