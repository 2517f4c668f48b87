import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { messageOf, SluiceError } from '../core/error.ts';
import type { RunMetrics } from './run-metrics.ts';

/** Whether a process should be sent work, and why not. */
export interface Readiness {
  readonly ready: boolean;
  /** One line for people. */
  readonly detail: string;
}

/** A server that is watched. */
export interface WatchServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Serves what those who watch a process ask for: `/metrics` (Prometheus), `/healthz` (200 as long as the process answers) and
 * `/readyz` (503 with the reason while it does not get on). Throws CONFIG_INVALID when the port cannot be had.
 * @param port 0 takes a free one.
 */
export async function startWatchServer(
  port: number,
  metrics: RunMetrics,
  readiness: () => Readiness,
  host: string,
): Promise<WatchServer> {
  const answers: Readonly<Record<string, (reply: ServerResponse) => Promise<void>>> = {
    '/metrics': async (reply) => {
      const text = await metrics.text();
      reply.writeHead(200, { 'content-type': metrics.contentType }).end(text);
    },
    '/healthz': async (reply) => {
      reply.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
    },
    '/readyz': async (reply) => {
      const { ready, detail } = readiness();
      reply.writeHead(ready ? 200 : 503, { 'content-type': 'text/plain' }).end(`${detail}\n`);
    },
  };
  const server = createServer((request, reply) => {
    const answer = answers[(request.url ?? '').split('?')[0]!];
    if (answer === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) {
      reply.writeHead(404, { 'content-type': 'text/plain' }).end('there are /metrics, /healthz and /readyz\n');
      return;
    }
    answer(reply).catch((error: unknown) => {
      reply.writeHead(500, { 'content-type': 'text/plain' }).end(`${messageOf(error)}\n`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new SluiceError('CONFIG_INVALID', `--metrics-port ${port}: ${messageOf(error)}; choose another one`)),
    );
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
