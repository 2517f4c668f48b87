import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** An HTTP proxy before one server, which can be told to answer by itself, as a server with a fault does. */
export class FaultyProxy implements AsyncDisposable {
  /** Where it listens, with the path of the server's address. */
  readonly url: string;
  /** Requests are answered with this status instead of by the server. */
  failWith: number | null = null;
  /** How many requests have come. */
  requests = 0;
  readonly #close: () => Promise<void>;

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url;
    this.#close = close;
  }

  /** @param target the base address of the server, without a slash at its end. */
  static async start(target: string): Promise<FaultyProxy> {
    const { origin, pathname } = new URL(target);
    let proxy: FaultyProxy | null = null;
    const server = createServer((request, response) => {
      proxy!.#pass(origin, request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`;
    proxy = new FaultyProxy(url, async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    });
    return proxy;
  }

  close(): Promise<void> {
    return this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  async #pass(origin: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const body = await buffer(request);
    if (this.failWith !== null) {
      response.writeHead(this.failWith, { 'content-type': 'application/vnd.schemaregistry.v1+json' });
      response.end(JSON.stringify({ error_code: this.failWith * 100 + 1, message: `told to answer ${this.failWith}` }));
      return;
    }
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const reply = await fetch(new URL(request.url ?? '/', origin), {
      method: request.method ?? 'GET',
      headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
      ...(body.length === 0 ? {} : { body }),
    });
    response.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? 'application/json' });
    response.end(Buffer.from(await reply.arrayBuffer()));
  }
}
