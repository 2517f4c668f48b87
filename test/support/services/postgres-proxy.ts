import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** What goes wrong with a statement. */
export type StatementFault =
  /** The connection breaks before the server sees it. */
  | 'cut'
  /** The server does it, and the connection breaks before anybody hears of that. */
  | 'lost reply'
  /** Nothing comes back any more, and nothing is said about it. */
  | 'silence';

const QUERY = 0x51;
const PARSE = 0x50;
const SYNC = 0x53;
const COPY_DONE = 0x63;
const HEAD = 5;

/**
 * A TCP proxy before a PostgreSQL server that can make statements go wrong. It reads the client's messages, by the frame that all have, and
 * hands on a statement's messages together; what the server says it does not look at.
 */
export class PostgresProxy implements AsyncDisposable {
  readonly port: number;
  /** All statements so far; the end of rows that were copied is one, too: `COPY DONE`. */
  readonly seen: string[] = [];
  /** Decides about each statement. */
  fault: (sql: string) => StatementFault | null | Promise<StatementFault | null> = () => null;
  readonly #sockets = new Set<Socket>();
  readonly #close: () => Promise<void>;

  private constructor(port: number, close: () => Promise<void>) {
    this.port = port;
    this.#close = close;
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<PostgresProxy> {
    let proxy: PostgresProxy | null = null;
    const server = createServer((client) => proxy!.#serve(client, connect(target.port, target.host)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    proxy = new PostgresProxy((server.address() as AddressInfo).port, async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      proxy!.cutAll();
      await closed;
    });
    return proxy;
  }

  /** Breaks every connection that there is. */
  cutAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }

  #serve(client: Socket, server: Socket): void {
    const both = [client, server];
    const end = (): void => {
      for (const socket of both) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of both) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    let isHeard = true;
    let lost = false;
    server.on('data', (chunk: Buffer) => {
      // Whatever the server answers, it has done the work.
      if (lost) end();
      else if (isHeard) client.write(chunk);
    });
    const passOn = async (sql: string | null, bytes: Buffer): Promise<void> => {
      const fault = sql === null ? null : await this.#decide(sql);
      if (fault === 'cut') return end();
      lost = fault === 'lost reply';
      isHeard = isHeard && fault !== 'silence';
      server.write(bytes);
    };
    void this.#statements(client, passOn).catch(end);
  }

  async #decide(sql: string): Promise<StatementFault | null> {
    this.seen.push(sql);
    return await this.fault(sql);
  }

  async #statements(client: Socket, passOn: (sql: string | null, bytes: Buffer) => Promise<void>): Promise<void> {
    let pending: Buffer = Buffer.alloc(0);
    let isGreeting = true;
    let gathered: Buffer[] = [];
    let sql: string | null = null;
    for await (const chunk of client) {
      pending = Buffer.concat([pending, chunk as Buffer]);
      for (;;) {
        const head = isGreeting ? 0 : 1;
        if (pending.length < head + 4) break;
        const length = head + pending.readInt32BE(head);
        if (pending.length < length) break;
        const message = pending.subarray(0, length);
        pending = pending.subarray(length);
        const type = isGreeting ? 0 : message[0];
        isGreeting = false;
        gathered.push(Buffer.from(message));
        if (type === QUERY) sql = textAt(message, HEAD);
        if (type === PARSE) sql = textAt(message, message.indexOf(0, HEAD) + 1);
        if (type === COPY_DONE) sql = 'COPY DONE';
        // Of a statement with values several messages come, up to one that asks for the answer.
        if (sql !== null && type !== QUERY && type !== SYNC && type !== COPY_DONE) continue;
        await passOn(sql, Buffer.concat(gathered));
        gathered = [];
        sql = null;
      }
    }
  }
}

function textAt(message: Buffer, from: number): string {
  return message.toString('utf8', from, message.indexOf(0, from));
}
