import {
  type Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** A request as it comes by. */
export interface SeenRequest {
  /** `GET`, and for requests about uploads what they are: `CreateMultipartUpload`. */
  readonly operation: string;
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/** What goes wrong with one request. */
export type S3Fault =
  /** The proxy answers with an error, as S3 words it; the server never sees the request. */
  | { readonly answer: number; readonly code: string }
  /** The server does its work, but nobody hears of it. The function is waited for before the connection is reset. */
  | 'lost reply'
  | { readonly lostReply: () => Promise<unknown> }
  /** Bytes of the body change on their way. */
  | 'damaged request'
  | 'damaged reply'
  /** Both bodies come through so many bytes at a time, with a pause before each. */
  | { readonly slowBytes: number; readonly everyMs: number }
  /** After so many bytes of its body the reply breaks off, or nothing more comes. */
  | { readonly replyBytes: number; readonly by: 'reset' | 'end' | 'silence' };

const UPLOADS: readonly (readonly [method: string, query: RegExp, operation: string])[] = [
  ['POST', /[?&]uploads\b/, 'CreateMultipartUpload'],
  ['GET', /[?&]uploads\b/, 'ListMultipartUploads'],
  ['PUT', /[?&]uploadId=/, 'UploadPart'],
  ['GET', /[?&]uploadId=/, 'ListParts'],
  ['POST', /[?&]uploadId=/, 'CompleteMultipartUpload'],
  ['DELETE', /[?&]uploadId=/, 'AbortMultipartUpload'],
  ['GET', /[?&]list-type=/, 'ListObjects'],
];

/** An HTTP proxy before an S3 server, which can make requests go wrong. Signatures stay valid: nothing signed is changed. */
export class S3FaultProxy implements AsyncDisposable {
  readonly endpointUrl: string;
  /** Every request so far, in the order of their coming. */
  readonly seen: SeenRequest[] = [];
  /** Bytes of bodies that it has handed on to clients. */
  replyBytes = 0;
  /** Decides about each request; may wait. */
  fault: (request: SeenRequest) => S3Fault | null | Promise<S3Fault | null> = () => null;
  readonly #close: () => Promise<void>;

  private constructor(endpointUrl: string, close: () => Promise<void>) {
    this.endpointUrl = endpointUrl;
    this.#close = close;
  }

  /** @param agent for its own requests; one connection for each without. */
  static async start(target: string, agent: Agent | false = false): Promise<S3FaultProxy> {
    let proxy: S3FaultProxy | null = null;
    const server = createServer((incoming, outgoing) => {
      proxy!.#pass(new URL(target), agent, incoming, outgoing).catch(() => incoming.socket.resetAndDestroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = new S3FaultProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    });
    return proxy;
  }

  /** How often an operation was asked for. */
  count(operation: string): number {
    return this.seen.filter((request) => request.operation === operation).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  async #pass(target: URL, agent: Agent | false, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = incoming;
    const operation = UPLOADS.find(([verb, query]) => verb === method && query.test(url))?.[2] ?? method;
    const seen: SeenRequest = { operation, method, url, headers };
    this.seen.push(seen);
    const fault = await this.fault(seen);
    if (isObject(fault) && 'answer' in fault) {
      incoming.resume();
      await new Promise((resolve) => incoming.once('end', resolve));
      outgoing.writeHead(fault.answer, { 'content-type': 'application/xml' });
      const text = `<Error><Code>${fault.code}</Code><Message>told to answer ${fault.code}</Message></Error>`;
      outgoing.end(method === 'HEAD' ? undefined : text);
      return;
    }
    const forwarded = request({ host: target.hostname, port: target.port, method, path: url, headers, agent });
    const replied = new Promise<IncomingMessage>((resolve, reject) => {
      forwarded.once('response', resolve);
      forwarded.once('error', reject);
    });
    const altered =
      fault === 'damaged request' ? [damage()] : isObject(fault) && 'slowBytes' in fault ? [slowed(fault)] : [];
    const sent = pipeline([incoming, ...altered, forwarded]);
    // A server that refuses early does not read to the end.
    sent.catch(() => undefined);
    const reply = await replied;
    if (fault === 'lost reply' || (isObject(fault) && 'lostReply' in fault)) {
      reply.resume();
      await new Promise((resolve) => reply.once('end', resolve));
      if (fault !== 'lost reply') await fault.lostReply();
      incoming.socket.resetAndDestroy();
      return;
    }
    outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
    if (isObject(fault) && 'slowBytes' in fault) {
      await pipeline(reply, slowed(fault), outgoing);
      return;
    }
    if (isObject(fault)) {
      await this.#breakOff(reply, outgoing, fault);
      return;
    }
    reply.on('data', (chunk: Buffer) => (this.replyBytes += chunk.length));
    await (fault === 'damaged reply' ? pipeline(reply, damage(), outgoing) : pipeline(reply, outgoing));
  }

  async #breakOff(
    reply: IncomingMessage,
    outgoing: ServerResponse,
    { replyBytes, by }: { readonly replyBytes: number; readonly by: 'reset' | 'end' | 'silence' },
  ): Promise<void> {
    let left = replyBytes;
    for await (const chunk of reply as AsyncIterable<Buffer>) {
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      await new Promise<void>((resolve) => outgoing.write(piece, () => resolve()));
      if (left === 0) break;
    }
    if (left > 0) {
      outgoing.end();
      return;
    }
    const { socket } = outgoing;
    if (by === 'reset') socket?.resetAndDestroy();
    else if (by === 'end') socket?.end();
    else await new Promise((resolve) => outgoing.once('close', resolve));
  }
}

function isObject<T>(fault: T): fault is Extract<T, object> {
  return typeof fault === 'object' && fault !== null;
}

/** A slow link. */
function slowed({ slowBytes, everyMs }: { readonly slowBytes: number; readonly everyMs: number }): Duplex {
  return Duplex.from(async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += slowBytes) {
        await new Promise((resolve) => setTimeout(resolve, everyMs));
        yield chunk.subarray(at, at + slowBytes);
      }
    }
  });
}

/** Turns a bit in the middle of the first bytes. */
function damage(): Transform {
  let isDone = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const bytes = Buffer.from(chunk);
      if (!isDone && bytes.length > 0) {
        const middle = Math.floor(bytes.length / 2);
        bytes[middle] = bytes[middle]! ^ 1;
        isDone = true;
      }
      done(null, bytes);
    },
  });
}
