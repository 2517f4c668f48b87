import { createRequire } from 'node:module';
import type { Dispatcher, Pool as UndiciPool } from 'undici';
import { type ConnectionGuard, type GuardedLookup, targetOf } from '../core/connection-guard.ts';
import { SluiceError } from '../core/error.ts';
import { RecycledBuffers } from '../core/recycled-buffers.ts';
import { networkFault } from './network-fault.ts';
import { isPacked, unpacked } from './packed-reply.ts';
import type { WireReply, WireRequest } from './wires/wire.ts';

export interface ConnectionOptions {
  /** Base URL of the prediction server; its path belongs to the wire. */
  readonly server: string;
  /** Connections at the most, each with one request at a time. */
  readonly connections: number;
  /** How long the server may take for the headers of a reply, and again between two chunks of its body. */
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Certificates (PEM) to trust instead of the machine's own. */
  readonly ca?: string;
  /** Takes any certificate. */
  readonly insecure?: boolean;
  /** A larger reply is broken off. */
  readonly maxReplyBytes?: number;
  /** Asked before every connection; left out: it may go anywhere. */
  readonly guard?: ConnectionGuard;
}

/** Of undici's 110 modules a pool needs 22: with the others each command would start a sixth later. */
const Pool = createRequire(import.meta.url)('undici/lib/dispatcher/pool.js') as typeof UndiciPool;

const TIMEOUT_MS = 600_000;
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_REPLY_BYTES = 2 ** 30;
/** Replies to requests of the default size fit; larger ones are not kept. */
const REPLY_BYTES = 128 * 1024;
const SPARE_REPLIES = 16;
const spare = new RecycledBuffers(REPLY_BYTES, SPARE_REPLIES);

/** Keep-alive connections to one prediction server. */
export interface HttpConnection {
  /**
   * Sends one request and collects the reply. Rejects with the signal's reason when it aborts, else with a SluiceError
   * of the network (SERVER_UNREACHABLE, SERVER_OVERLOADED, CONFIG_INVALID for certificates).
   * @param headers names and values in turn, besides those of the request.
   */
  send(request: WireRequest, headers: readonly string[], signal: AbortSignal): Promise<WireReply>;
  close(): Promise<void>;
}

export function createHttpConnection(options: ConnectionOptions): HttpConnection {
  const origin = originOf(options.server);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  const maxReplyBytes = options.maxReplyBytes ?? MAX_REPLY_BYTES;
  const connectMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
  const pool = new Pool(origin, {
    connections: options.connections,
    pipelining: 1,
    // HTTP/2 would put all requests on one connection, and a proxy's limits then hold back the whole job.
    allowH2: false,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    connect: {
      timeout: connectMs,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(options.guard === undefined ? {} : { lookup: guardedLookup(origin, options.guard) }),
      rejectUnauthorized: options.insecure !== true,
    },
  });
  return {
    send: (request, headers, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason);
          return;
        }
        pool.dispatch(
          {
            path: request.path,
            method: request.method,
            headers: [...headers, ...request.headers],
            body: request.body,
          },
          collect(origin, maxReplyBytes, signal, resolve, reject),
        );
      }),
    close: () => pool.destroy(),
  };
}

/**
 * Puts one reply together. undici's own `request` wraps every body in a stream: with `arrayBuffer` it took 44 µs of CPU
 * for a small reply and 172 µs for one of 20 kB, where this handler takes 30 and 68.
 */
function collect(
  origin: string,
  maxReplyBytes: number,
  signal: AbortSignal,
  resolve: (reply: WireReply) => void,
  reject: (reason: unknown) => void,
): Dispatcher.DispatchHandler {
  const chunks: Buffer[] = [];
  let length = 0;
  let status = 0;
  let headers: WireReply['headers'] = {};
  let running: Dispatcher.DispatchController | null = null;
  let tooLarge: SluiceError | null = null;
  const abort = (): void => {
    // The request may still be waiting for a connection: then it is aborted when it gets one.
    running?.abort(new Error('aborted'));
    reject(signal.reason);
  };
  signal.addEventListener('abort', abort, { once: true });
  return {
    onRequestStart(controller) {
      running = controller;
      if (signal.aborted) controller.abort(new Error('aborted'));
    },
    onResponseStart(_, statusCode, replyHeaders) {
      status = statusCode;
      headers = replyHeaders;
    },
    onResponseData(controller, chunk) {
      length += chunk.length;
      if (length > maxReplyBytes) {
        tooLarge = new SluiceError('REPLY_MISMATCH', `A reply of ${origin} is larger than ${maxReplyBytes} bytes.`);
        controller.abort(tooLarge);
        return;
      }
      chunks.push(chunk);
    },
    onResponseEnd() {
      signal.removeEventListener('abort', abort);
      const reply: WireReply = { status, headers, ...joined(chunks, length) };
      if (isPacked(reply)) unpacked(reply, origin, maxReplyBytes).then(resolve, reject);
      else resolve(reply);
    },
    onResponseError(_, error) {
      signal.removeEventListener('abort', abort);
      reject(tooLarge ?? (signal.aborted ? signal.reason : networkFault(origin, error)));
    },
  };
}

/** The chunks of a reply in one piece. */
function joined(chunks: readonly Buffer[], length: number): Pick<WireReply, 'body' | 'release'> {
  if (chunks.length === 1) return { body: chunks[0]! };
  const block = spare.take(length);
  let at = 0;
  for (const chunk of chunks) {
    block.set(chunk, at);
    at += chunk.length;
  }
  return { body: block.subarray(0, length), release: () => spare.give(block) };
}

function guardedLookup(origin: string, guard: ConnectionGuard): GuardedLookup {
  const { host, port } = targetOf(new URL(origin));
  return guard(host, port);
}

function originOf(server: string): string {
  const url = URL.canParse(server) ? new URL(server) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'deployment.server is not an http or https address. Write it like http://127.0.0.1:8100.',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new SluiceError(
      'CONFIG_INVALID',
      'deployment.server holds a user name or password. Give the token as deployment.token instead.',
    );
  }
  return url.origin;
}
