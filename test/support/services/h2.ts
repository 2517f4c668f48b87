import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { guardedProcess } from './guarded-process.ts';
import { jdbcDrivers } from './jdbc-drivers.ts';
import { ofTheRun } from './of-the-run.ts';

/** Where H2's server is. Databases in its memory are made when somebody asks for them. */
export interface H2Address {
  readonly host: string;
  readonly port: number;
}

export interface OwnH2 extends H2Address, AsyncDisposable {
  /** What runs, from where and at which address: a line for people. */
  readonly description: string;
}

/** The server that all files of a test run share. */
export async function h2Server(): Promise<H2Address> {
  return (await ofTheRun('h2')) ?? (await ownShared());
}

/** Starts a server of the caller's own, which ends with it. Dispose of it. */
export async function startH2(): Promise<OwnH2> {
  const drivers = await jdbcDrivers();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-h2-'));
  const port = await freePort();
  const java = ['java', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', join(drivers, '*')];
  const server = ['org.h2.tools.Server', '-tcp', '-tcpPort', String(port), '-ifNotExists', '-baseDir', folder];
  const running = await guardedProcess([...java, ...server], { folder, log: join(folder, 'server.log') });
  const stop = async (): Promise<void> => {
    if (running.isRunning) process.kill(running.pid, 'SIGKILL');
    await running.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = performance.now() + 30_000;
  while (!(await listens(port))) {
    if (performance.now() > deadline || !running.isRunning) {
      await stop();
      throw new Error(`H2 does not answer. It said:\n${running.said()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return {
    host: '127.0.0.1',
    port,
    description: `H2 from Maven Central on 127.0.0.1:${port}`,
    [Symbol.asyncDispose]: stop,
  };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    const end = (answers: boolean): void => {
      socket.destroy();
      resolve(answers);
    };
    socket.once('connect', () => end(true)).once('error', () => end(false));
  });
}

let shared: Promise<OwnH2> | undefined;

/** For programs that are no test run: one per process, which ends with it. */
function ownShared(): Promise<OwnH2> {
  shared ??= startH2();
  return shared;
}
