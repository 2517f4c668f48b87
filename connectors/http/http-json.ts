import { type Clock, SluiceError } from '../../src/sdk.ts';
import { parseHttpUrl } from './http-address.ts';
import { HttpConnection } from './http-connection.ts';
import { defaultHttpSettings, type HttpSettings } from './http-settings.ts';
import { replyChunks } from './reply-body.ts';

/** A reply of an API says what it is; more than this is none. */
const MOST_BYTES = 16 * 1024 * 1024;

/** Asks an API that answers in JSON. */
export interface HttpJson extends AsyncDisposable {
  /** What a GET gives, whatever its status; the body is undefined when it is no JSON. Throws STORE_UNREACHABLE and CONFIG_INVALID. */
  get(url: string, signal: AbortSignal): Promise<{ readonly status: number; readonly body: unknown }>;
}

export function createHttpJson(settings: Partial<HttpSettings>, clock: Clock): HttpJson {
  const connection = new HttpConnection({ ...defaultHttpSettings, ...settings }, clock);
  return {
    get: async (url, signal) => {
      const address = parseHttpUrl(url);
      const patience = connection.patience();
      for (;;) {
        try {
          const request = { method: 'GET', headers: { accept: 'application/json' } };
          const reply = await connection.send(address, request, patience, signal);
          const parts: Uint8Array[] = [];
          let bytes = 0;
          for await (const chunk of replyChunks(reply, address.name, connection, signal)) {
            bytes += chunk.length;
            if (bytes > MOST_BYTES)
              throw new SluiceError('INTAKE_UNREADABLE', `${address.name} answers with more than an API would.`);
            parts.push(chunk);
          }
          return { status: reply.statusCode, body: parsed(Buffer.concat(parts).toString('utf8')) };
        } catch (error) {
          await patience.outlast(error, signal);
        }
      }
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
