import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ISocketFactory } from 'kafkajs';

const KEEP_ALIVE_MS = 60_000;
const LINGER_MS = 1_000;

/**
 * The connections of one kafkajs client, so that none outlives it: after a broker has come back a group is left, and a transaction
 * ended, over a connection that kafkajs itself has forgotten and never closes.
 */
export class Sockets {
  readonly #open = new Set<Socket>();
  #closed = false;

  readonly factory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    const socket =
      ssl === undefined || ssl === null
        ? connect({ host, port }, onConnect)
        : connectTls({ host, port, ...(isIP(host) === 0 ? { servername: host } : {}), ...ssl }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // A request is one write: to wait for more of it would be in vain.
    socket.setNoDelay(true);
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    if (this.#closed) this.#endLater();
    return socket;
  };

  /** Whatever kafkajs still opens, or has not closed a moment from now, is ended. */
  close(): void {
    this.#closed = true;
    this.#endLater();
  }

  /** Not at once: what kafkajs is about to give up by itself it would try again over a connection that failed. */
  #endLater(): void {
    const end = (): void => {
      // An error is what makes kafkajs stop the timers of a connection.
      for (const socket of this.#open) socket.destroy(new Error('the client is closed'));
    };
    setTimeout(end, LINGER_MS).unref();
  }
}
