import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createHttpConnection } from '../../src/scoring/http-connection.ts';
import { never } from '../unit/scoring/rows.ts';

/** Enough for several chunks. */
const LENGTH = 20_000;

async function answer(path: string, reply: ServerResponse): Promise<void> {
  const [, letter = '', form] = path.split('/');
  const text = Buffer.alloc(LENGTH, letter);
  const body = form === 'packed' ? gzipSync(text, { level: 0 }) : text;
  reply.writeHead(200, form === 'packed' ? { 'content-encoding': 'gzip' } : {});
  for (const half of [body.subarray(0, LENGTH / 2), body.subarray(LENGTH / 2)]) {
    await new Promise((resolve) => reply.write(half, resolve));
    // What was written goes out before the rest is.
    for (let i = 0; i < 20; i += 1) await turn();
  }
  reply.end();
}

// A compressed reply of several chunks was put together in a buffer that was given back when it was unpacked, and once more when it was read.
// Two later replies then got the same buffer: the rows of one batch had the predictions of another.
test('two replies at once after a compressed one hold each its own text', async () => {
  const server = createServer((request, reply) => void answer(request.url ?? '', reply));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const connection = createHttpConnection({ server: `http://127.0.0.1:${port}`, connections: 2 });
  const get = (path: string) => connection.send({ method: 'GET', path, headers: [], body: null }, [], never);
  try {
    const packed = await get('/z/packed');
    expect(Buffer.from(packed.body).toString()).toBe('z'.repeat(LENGTH));
    packed.release?.();
    const replies = await Promise.all([get('/a/plain'), get('/b/plain')]);
    expect(replies.map(({ body }) => Buffer.from(body).toString())).toEqual(['a'.repeat(LENGTH), 'b'.repeat(LENGTH)]);
    // Only replies of several chunks have a buffer of their own.
    expect(replies.map(({ release }) => typeof release)).toEqual(['function', 'function']);
  } finally {
    await connection.close();
    server.closeAllConnections();
    server.close();
  }
});
