import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import type { Clock } from '../../src/sdk.ts';
import { brokenOff } from './http-fault.ts';
import { inTime } from './in-time.ts';

/** The body of a request; it may be sent several times. */
export interface UploadBody {
  /** Null: unknown, or not to be told; it is sent in chunks. */
  readonly bytes: number | null;
  chunks(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Servers that do not know `expect: 100-continue` say nothing to it. */
const CONTINUE_MS = 1_000;

interface Sending {
  readonly name: string;
  readonly clock: Clock;
  /** How long the other side may take nothing. */
  readonly silenceMs: number;
  /** Whether the server was told to say first if it takes the body. */
  readonly asksFirst: boolean;
  /** Settles when the server has answered, or the connection is broken. */
  readonly answered: Promise<unknown>;
}

/**
 * Sends a body at the speed of the other side; where it is to say first whether it takes it, when it has or has let a second go by. Returns whether all of it was
 * handed over: a server that refuses a request answers before that. Rejects with the connection's error.
 */
export async function sendBody(
  request: ClientRequest,
  body: UploadBody,
  { name, clock, silenceMs, answered, asksFirst }: Sending,
  signal: AbortSignal,
): Promise<boolean> {
  let isAnswered = false;
  const early = (async () => {
    await answered;
    isAnswered = true;
  })();
  early.catch(() => undefined);
  if (asksFirst) {
    const asked = new Promise<void>((resolve) => request.once('continue', resolve));
    request.flushHeaders();
    await inTime(Promise.race([asked, early]), CONTINUE_MS, clock, signal);
  }
  for await (const chunk of body.chunks(signal)) {
    if (isAnswered) return false;
    // A copy: chunks may be written to again once the next is asked for, and the socket may still have this one.
    if (request.write(Buffer.from(chunk))) continue;
    const settled = new AbortController();
    const drained = once(request, 'drain', { signal: settled.signal }).then(() => undefined);
    drained.catch(() => undefined);
    try {
      const outcome = await inTime(Promise.race([drained, early]), silenceMs, clock, signal);
      if (outcome === 'late') throw brokenOff(`took nothing for ${silenceMs / 1000} s`, { name });
    } finally {
      settled.abort();
    }
  }
  // A server that knows the length may have answered between the last byte and this call.
  request.end();
  return true;
}
