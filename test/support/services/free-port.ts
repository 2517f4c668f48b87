import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A port of this machine's loopback that nobody listens on. It lies below the ports that the system gives to outgoing
 * connections: a service that is killed and started again must find its port free, and a client that tries again and again
 * to reach a dead port out of that range ends up connected to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
