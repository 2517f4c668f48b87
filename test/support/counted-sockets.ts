import { Socket } from 'node:net';

/** Counts the bytes that this process receives over connections to one port that are opened between `start` and `stop`. */
export class CountedSockets {
  readonly #sockets: Socket[] = [];
  readonly #stop: () => void;

  private constructor(port: number) {
    const sockets = this.#sockets;
    const methods = Socket.prototype as unknown as { connect: (...args: unknown[]) => unknown };
    const original = methods.connect;
    methods.connect = function (this: Socket, ...args: unknown[]) {
      this.once('connect', () => {
        if (this.remotePort === port) sockets.push(this);
      });
      return original.apply(this, args);
    };
    this.#stop = () => {
      methods.connect = original;
    };
  }

  static start(port: number): CountedSockets {
    return new CountedSockets(port);
  }

  get bytes(): number {
    return this.#sockets.reduce((sum, socket) => sum + socket.bytesRead, 0);
  }

  stop(): void {
    this.#stop();
  }
}
