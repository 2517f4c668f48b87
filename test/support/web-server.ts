import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { selfSigned } from './self-signed.ts';

/** Something that stands at a path. */
export interface WebBody {
  readonly bytes: Buffer;
  readonly etag?: string;
  readonly modified?: string;
  /** Whether parts of it can be asked for. */
  readonly ranges?: boolean;
  /** Sends it in chunks, without its length. */
  readonly chunked?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request as the server got it; the body is null for one that was not read. */
export interface WebRequest {
  /** From 0. */
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

/** What the server does in place of its work. */
export interface WebFault {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Breaks the connection after so many bytes of the body that is given. */
  readonly breakAfter?: number;
  /** Gives so many bytes, and then nothing more. */
  readonly silentAfter?: number;
  /** Never answers at all. */
  readonly never?: true;
  /** Breaks the connection after so many bytes of the body that comes. */
  readonly breakUploadAfter?: number;
  /** Keeps what comes, and breaks the connection in place of an answer. */
  readonly loseAnswer?: true;
}

/** What was put or posted. */
export interface ReceivedUpload {
  readonly request: WebRequest;
  readonly bytes: Buffer;
}

/** A web server on loopback that serves bodies, keeps what is put and posted, and does what a test tells it. */
export class WebServer implements AsyncDisposable {
  readonly url: string;
  readonly bodies = new Map<string, WebBody>();
  readonly requests: WebRequest[] = [];
  readonly uploads: ReceivedUpload[] = [];
  /** Asked for every request; null: it is served. */
  fault: (request: WebRequest) => WebFault | null = () => null;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];

  private constructor(server: Server, scheme: string) {
    this.#server = server;
    server.on('connection', (socket: Socket) => this.#sockets.push(socket));
    this.url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start({ tls = false }: { readonly tls?: boolean } = {}): Promise<WebServer> {
    let web: WebServer | null = null;
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      void web!.#serve(request, response).catch(() => response.destroy());
    const server = tls ? createTlsServer(selfSigned, listener) : createServer(listener);
    // Who asks before he sends a body is told to go on when it is taken, and not before.
    server.on('checkContinue', listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    web = new WebServer(server, tls ? 'https' : 'http');
    return web;
  }

  /** Bytes that have come, over all connections. */
  get bytesReceived(): number {
    return this.#sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  }

  get host(): string {
    return new URL(this.url).host;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(message.url ?? '/', this.url);
    const { method = 'GET', headers } = message;
    const request: WebRequest = { number: this.requests.length, method, path, query, headers };
    this.requests.push(request);
    const fault = this.fault(request);
    if (fault?.never === true) return;
    if (fault?.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? '');
      return;
    }
    if (method === 'PUT' || method === 'POST') await this.#take(request, message, response, fault);
    else this.#give(request, response, fault);
  }

  async #take(
    request: WebRequest,
    message: IncomingMessage,
    response: ServerResponse,
    fault: WebFault | null,
  ): Promise<void> {
    if (request.headers['if-none-match'] === '*' && this.bodies.has(request.path)) {
      response.writeHead(412).end();
      return;
    }
    if (request.headers.expect !== undefined) response.writeContinue();
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of message) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      if (fault?.breakUploadAfter !== undefined && length >= fault.breakUploadAfter) {
        message.destroy();
        return;
      }
    }
    const bytes = Buffer.concat(chunks);
    if (request.method === 'POST' && this.bodies.has(request.path)) {
      this.uploads.push({ request, bytes });
      this.#give(request, response, fault);
      return;
    }
    this.uploads.push({ request, bytes });
    if (request.method === 'PUT') this.bodies.set(request.path, { bytes });
    if (fault?.loseAnswer === true) response.destroy();
    else response.writeHead(201).end('created');
  }

  #give({ method, path, headers }: WebRequest, response: ServerResponse, fault: WebFault | null): void {
    const body = this.bodies.get(path);
    if (body === undefined) {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('no such thing');
      return;
    }
    const validators = {
      ...(body.etag === undefined ? {} : { etag: body.etag }),
      ...(body.modified === undefined ? {} : { 'last-modified': body.modified }),
      ...body.headers,
    };
    const total = body.bytes.length;
    const condition = headers['if-range'];
    const isStill = condition === undefined || condition === body.etag || condition === body.modified;
    const range = body.ranges === true && isStill ? /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') : null;
    let part = body.bytes;
    if (range === null) {
      response.writeHead(200, { ...validators, ...(body.chunked === true ? {} : { 'content-length': total }) });
    } else {
      const [from, to] = [Number(range[1]), range[2] === '' ? total - 1 : Math.min(Number(range[2]), total - 1)];
      if (from >= total) {
        response.writeHead(416, { ...validators, 'content-range': `bytes */${total}` }).end();
        return;
      }
      part = body.bytes.subarray(from, to + 1);
      response.writeHead(206, {
        ...validators,
        'content-length': part.length,
        'content-range': `bytes ${from}-${to}/${total}`,
      });
    }
    if (method === 'HEAD') response.end();
    else if (fault?.breakAfter !== undefined && fault.breakAfter < part.length)
      response.write(part.subarray(0, fault.breakAfter), () => response.destroy());
    else if (fault?.silentAfter !== undefined && fault.silentAfter < part.length)
      response.write(part.subarray(0, fault.silentAfter));
    else response.end(part);
  }
}
