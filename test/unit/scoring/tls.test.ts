import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ConnectionOptions, createHttpConnection } from '../../../src/scoring/http-connection.ts';
import type { WireReply } from '../../../src/scoring/wires/wire.ts';
import { selfSigned } from '../../support/self-signed.ts';
import { faultOf, never } from './rows.ts';

let https: Server;

beforeAll(async () => {
  https = createServer(selfSigned, (_, response) => response.end('hello'));
  await new Promise<void>((resolve) => {
    https.listen(0, '127.0.0.1', resolve);
  });
});

afterAll(async () => {
  await new Promise((resolve) => {
    https.close(resolve);
  });
});

async function get(options: Partial<ConnectionOptions>): Promise<WireReply> {
  const server = `https://127.0.0.1:${(https.address() as AddressInfo).port}`;
  const connection = createHttpConnection({ server, connections: 1, ...options });
  try {
    return await connection.send({ method: 'GET', path: '/', headers: [], body: null }, [], never);
  } finally {
    await connection.close();
  }
}

it('a certificate that nobody vouches for ends the job and says what to set', async () => {
  const fault = await faultOf(get({}));
  expect(fault).toMatchObject({ code: 'CONFIG_INVALID', scope: 'job' });
  expect(fault.message).toContain('deployment.caFile');
});

it('a certificate is trusted when its authority is given, or when any is', async () => {
  expect(Buffer.from((await get({ ca: selfSigned.cert })).body).toString()).toBe('hello');
  expect((await get({ insecure: true })).status).toBe(200);
});

it('an https address of a server that speaks http is an error of the connection', async () => {
  const server = `http://127.0.0.1:${(https.address() as AddressInfo).port}`;
  const fault = await faultOf(get({ server }));
  expect(fault.scope).toBe('connection');
});
