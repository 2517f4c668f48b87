import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CheckDriver } from '../../src/testing.ts';
import { freePort } from '../support/services/free-port.ts';
import { WebServer } from '../support/web-server.ts';
import { webSource } from './http-intake.ts';
import { httpSink } from './http-output.ts';

const TOKEN = 'the-right-token';
const WRONG = 'a-wrong-token';

/** A server that wants a token and shows one path to nobody. */
async function guardedServer(): Promise<WebServer> {
  const server = await WebServer.start();
  server.fault = ({ headers, path }) => {
    if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401 };
    return path.startsWith('/private/') ? { status: 403 } : null;
  };
  return server;
}

/** What can be wrong with an address that is read. */
export async function webIntakeFaults(): Promise<CheckDriver> {
  const server = await guardedServer();
  server.bodies.set('/in/rows.csv', { bytes: Buffer.from('id,x\n1,2\n'), etag: '"1"', ranges: true });
  const source = (url: string, token: string) => () => webSource(url, 'none', { token });
  const nowhere = `http://127.0.0.1:${await freePort()}/in/rows.csv`;
  return {
    sound: source(`${server.url}/in/rows.csv`, TOKEN),
    faults: {
      'a wrong address': { part: source(nowhere, TOKEN), code: 'STORE_UNREACHABLE', says: /cannot be reached/ },
      'a wrong token': {
        part: source(`${server.url}/in/rows.csv`, WRONG),
        code: 'STORE_ACCESS',
        says: /does not know who asks \(401\)\. Correct token/,
      },
      'no right': {
        part: source(`${server.url}/private/rows.csv`, TOKEN),
        code: 'STORE_ACCESS',
        says: /no right to read \(403\)/,
      },
      'a missing object': {
        part: source(`${server.url}/in/row.csv`, TOKEN),
        code: 'INTAKE_NOT_FOUND',
        says: /nothing at .*\/in\/row\.csv/,
      },
    },
    secrets: [TOKEN, WRONG],
    contents: async () => [...server.bodies].map(([path, { bytes }]) => `${path}: ${bytes.toString()}`),
    close: () => server.close(),
  };
}

/** What can be wrong with an address that is written. */
export async function webOutputFaults(): Promise<CheckDriver> {
  const server = await guardedServer();
  server.bodies.set('/out/there.csv', { bytes: Buffer.from('x\n') });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-spool-'));
  const sink = (url: string, token: string) => () => httpSink(url, join(folder, 'scored.csv'), false, { token });
  const nowhere = `http://127.0.0.1:${await freePort()}/out/scored.csv`;
  return {
    sound: sink(`${server.url}/out/scored.csv`, TOKEN),
    faults: {
      'a wrong address': { part: sink(nowhere, TOKEN), code: 'STORE_UNREACHABLE', says: /cannot be reached/ },
      'a wrong token': {
        part: sink(`${server.url}/out/scored.csv`, WRONG),
        code: 'STORE_ACCESS',
        says: /does not know who asks \(401\)\. Correct token/,
      },
      'no right': {
        part: sink(`${server.url}/private/scored.csv`, TOKEN),
        code: 'STORE_ACCESS',
        says: /no right to write \(403\)/,
      },
      'an output that is there': {
        part: sink(`${server.url}/out/there.csv`, TOKEN),
        code: 'OUTPUT_EXISTS',
        says: /there\.csv/,
      },
    },
    secrets: [TOKEN, WRONG],
    contents: async () => [...server.bodies.keys(), ...(await readdir(folder))],
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}
