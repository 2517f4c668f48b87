import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startApi } from '../support/api-server.ts';

const CHANNEL = 'http.server.request.start';

test('a connection whose upload was refused is closed when nothing more comes, however much of the body came meanwhile', async () => {
  const started = Promise.withResolvers<IncomingMessage>();
  const listen = (message: unknown): void =>
    started.resolve((message as { readonly request: IncomingMessage }).request);
  diagnostics.subscribe(CHANNEL, listen);
  await using api = await startApi({ deployments: { d: 'http://127.0.0.1:1' } });
  const { hostname, port, host } = new URL(api.base);
  const client = connect(Number(port), hostname);
  try {
    const path = `/api/v2/batchPredictions/${'0'.repeat(24)}/csvUpload/`;
    client.write(`PUT ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: text/csv\r\nContent-Length: 10\r\n\r\nid,x\n`);
    const request = await started.promise;
    const [reply] = (await once(client, 'data')) as [Buffer];
    expect(String(reply)).toMatch(/^HTTP\/1.1 404/);
    const { socket } = request;
    const limit = socket.timeout;
    expect(limit).toBeGreaterThan(0);
    const ended = once(request, 'end');
    client.write('1,a\n\n');
    await ended;
    expect(socket.timeout).toBe(limit);
  } finally {
    diagnostics.unsubscribe(CHANNEL, listen);
    client.destroy();
  }
});
