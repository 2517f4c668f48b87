import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { readBody } from '../../../src/model-server/request-body.ts';

/** A request with a body of ten bytes, of which the client has sent the head only, and the client. */
async function begun(): Promise<{ readonly request: IncomingMessage; readonly client: Socket } & AsyncDisposable> {
  const server = createServer();
  const requested = new Promise<IncomingMessage>((resolve) => server.on('request', resolve));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n');
  return {
    request: await requested,
    client,
    async [Symbol.asyncDispose](): Promise<void> {
      client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a body whose client is gone without a word ends, and its connection is closed', async () => {
  await using call = await begun();
  const closed = new Promise((resolve) => call.client.on('close', resolve));
  call.client.write('half');
  await expect(readBody(call.request, 100, { silentMs: 100 })).rejects.toMatchObject({ status: 408 });
  await closed;
});

test('a body that comes piece by piece is read, and what follows may take its time', async () => {
  await using call = await begun();
  const body = readBody(call.request, 100, { silentMs: 10_000 });
  for (const letter of '0123456789') call.client.write(letter);
  expect(String(await body)).toBe('0123456789');
  expect(call.request.socket.timeout).toBe(0);
});
