import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';

/** A proxy before a server of any protocol, which can break off what goes through it. */
export class TcpProxy implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  /** Nobody is let in while it is true. */
  closed = false;
  /**
   * Looks at what clients send, before the server sees it. `'forward, then break'`: the server gets it, and its answer is lost with the connection;
   * `'break'`: nobody gets it; `'swallow'`: the same, and the client hears nothing of it.
   */
  look: (sent: Buffer) => 'forward' | 'break' | 'swallow' | 'forward, then break' = () => 'forward';
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<TcpProxy> {
    let proxy: TcpProxy | null = null;
    const server = createServer((client) => proxy!.#join(client, target));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = new TcpProxy((server.address() as AddressInfo).port, async () => {
      proxy!.breakAll();
      server.close();
      await once(server, 'close');
    });
    return proxy;
  }

  /** Resets every connection that there is. */
  breakAll(): void {
    for (const [client, server] of this.#pairs) {
      client.resetAndDestroy();
      server.destroy();
    }
    this.#pairs.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  #join(client: Socket, target: { readonly host: string; readonly port: number }): void {
    if (this.closed) {
      client.resetAndDestroy();
      return;
    }
    const server = createConnection(target);
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    for (const [one, other] of [pair, [server, client] as const]) {
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#pairs.delete(pair);
        other.destroy();
      });
    }
    server.pipe(client);
    client.on('data', (sent: Buffer) => {
      const what = this.look(sent);
      if (what === 'swallow') return;
      if (what === 'break') {
        client.resetAndDestroy();
        return;
      }
      if (what === 'forward') {
        if (!server.write(sent)) {
          client.pause();
          server.once('drain', () => client.resume());
        }
        return;
      }
      // What the server answers goes nowhere; that it answers shows that it has done its work.
      server.unpipe(client);
      server.once('data', () => client.resetAndDestroy());
      server.resume();
      server.write(sent);
    });
  }
}
