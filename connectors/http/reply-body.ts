import { SluiceError } from '../../src/sdk.ts';
import type { HttpConnection, HttpReply } from './http-connection.ts';
import { brokenOff, networkFault } from './http-fault.ts';
import { inTime } from './in-time.ts';

/** The start of a body that says what went wrong, for a message. */
const TEXT_BYTES = 2_000;
const SHOWN_CHARACTERS = 200;

/**
 * The bytes of a reply as they come. Throws STORE_UNREACHABLE when it is silent for too long while somebody waits for it, or breaks
 * off. Leaving early ends the reply.
 */
export async function* replyChunks(
  reply: HttpReply,
  name: string,
  { clock, settings }: HttpConnection,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const chunks = reply[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const next = await inTime(chunks.next(), settings.silenceMs, clock, signal);
      if (next === 'late')
        throw brokenOff(`was silent for ${settings.silenceMs / 1000} s in the middle of its body`, { name });
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw networkFault(error, { name });
  } finally {
    reply.destroy();
  }
}

/** What a reply says, in short; ends it. */
export async function replyText(reply: HttpReply, connection: HttpConnection, signal: AbortSignal): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of replyChunks(reply, '', connection, signal)) {
      parts.push(chunk);
      bytes += chunk.length;
      if (bytes >= TEXT_BYTES) break;
    }
  } catch (error) {
    // What came of it is better than nothing.
    if (!(error instanceof SluiceError)) throw error;
  }
  const text = Buffer.concat(parts).toString('utf8').trim();
  // A page made for people says little in so few characters.
  if (/^<(!doctype|html|\?xml)/i.test(text)) return '';
  return text.replace(/\s+/g, ' ').slice(0, SHOWN_CHARACTERS);
}
