import { isIP, type Server } from 'node:net';
import { plainAddress } from './network-address.ts';

export interface ConnectionLimits {
  /** Connections at once. */
  readonly connections: number;
  /** Of those, from one address; of IPv6 from one network of 64 bits, which is what a customer has. */
  readonly connectionsPerAddress: number;
}

/** Closes connections beyond the limits before anything is read from them. */
export function limitConnections(server: Server, { connections, connectionsPerAddress }: ConnectionLimits): void {
  server.maxConnections = connections;
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const from = sourceOf(socket.remoteAddress ?? '');
    const count = (open.get(from) ?? 0) + 1;
    if (count > connectionsPerAddress) {
      socket.destroy();
      return;
    }
    open.set(from, count);
    socket.once('close', () => {
      const left = (open.get(from) ?? 1) - 1;
      if (left > 0) open.set(from, left);
      else open.delete(from);
    });
  });
}

function sourceOf(address: string): string {
  const plain = plainAddress(address);
  if (isIP(plain) !== 6) return plain;
  const [head = '', tail = ''] = plain.split('::');
  const [before, after] = [head, tail].map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - before!.length - after!.length }, () => '0');
  return [...before!, ...zeros, ...after!].slice(0, 4).join(':');
}
