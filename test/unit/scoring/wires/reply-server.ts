import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** A request as a server got it. */
export interface SentRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What the server answers. */
export interface GivenReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Sends the body in pieces of so many bytes, with turns of the event loop between them. */
  readonly piece?: number;
  /** Ends the connection after so many bytes of the body. */
  readonly cutAt?: number;
}

/** A server on loopback that answers as a test tells it. */
export class ReplyServer implements AsyncDisposable {
  readonly url: string;
  readonly requests: SentRequest[] = [];
  connections = 0;
  respond: (request: SentRequest) => GivenReply = () => ({});
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  static async start(): Promise<ReplyServer> {
    const sockets = new Set<Socket>();
    const http = createServer((message, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of message) chunks.push(chunk as Buffer);
        const { method = '', url = '', headers } = message;
        const request = { method, path: url, headers, body: Buffer.concat(chunks) };
        server.requests.push(request);
        const reply = server.respond(request);
        const body = Buffer.from(reply.body ?? '');
        response.writeHead(reply.status ?? 200, { 'content-length': body.length, ...reply.headers });
        if (reply.cutAt !== undefined) {
          response.write(body.subarray(0, reply.cutAt), () => message.socket.destroy());
          return;
        }
        const piece = reply.piece ?? Math.max(1, body.length);
        for (let at = 0; at < body.length; at += piece) {
          response.write(body.subarray(at, at + piece));
          if (reply.piece !== undefined) await turn();
        }
        response.end();
      })();
    });
    http.on('connection', (socket) => {
      server.connections += 1;
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const server = new ReplyServer(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
    });
    return server;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
