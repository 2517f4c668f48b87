import { execFile, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Connection, createConnection } from 'mysql2/promise';
import { freePort } from './free-port.ts';
import { type GuardedProcess, guardedProcess } from './guarded-process.ts';
import { mariaDbImage, mariaDbRuntime } from './mariadb-runtime.ts';
import { ofTheRun } from './of-the-run.ts';

/** Where a MariaDB server is, and a user of it who may do everything. */
export interface MariaDbAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** A server that this process started. */
export interface OwnMariaDb extends MariaDbAddress, AsyncDisposable {
  /** What runs, from where and at which address: a line for people. */
  readonly description: string;
}

/** A new database on the server that all files of a test run share. Disposing of it drops it. */
export interface MariaDbDatabase extends MariaDbAddress, AsyncDisposable {
  readonly database: string;
  /** The owner's, to look at what a test has done. */
  readonly connection: Connection;
}

/**
 * A new, empty database on the shared server: that of SLUICE_TEST_MARIADB (mysql://USER:PASSWORD@host:port), else one that the
 * run starts when the first test asks.
 */
export async function mariaDbDatabase(): Promise<MariaDbDatabase> {
  const address = (await ofTheRun('mariadb')) ?? namedMariaDb() ?? (await ownShared());
  const { host, port, user, password } = address;
  const database = `sluice_${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const connection = await createConnection({ host, port, user, password, charset: 'utf8mb4' });
  await connection.query(`create database ${database} character set utf8mb4`);
  await connection.query(`use ${database}`);
  return {
    host,
    port,
    user,
    password,
    database,
    connection,
    [Symbol.asyncDispose]: async () => {
      await connection.query(`drop database if exists ${database}`);
      await connection.end();
    },
  };
}

/** The server of SLUICE_TEST_MARIADB; null without it. */
export function namedMariaDb(): MariaDbAddress | null {
  const named = process.env.SLUICE_TEST_MARIADB;
  if (named === undefined || named === '') return null;
  const { hostname, port, username, password } = new URL(named);
  return {
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** Starts a server of the caller's own, which ends with it, and resolves when it answers (about 1 s). Dispose of it. */
export async function startMariaDb(): Promise<OwnMariaDb> {
  const runtime = await mariaDbRuntime();
  const password = randomUUID();
  const started = runtime.kind === 'docker' ? await inDocker(runtime.host, password) : await asProcess(runtime.path);
  const address = { host: started.host, port: started.port, user: 'root' };
  try {
    const version = await answers({ ...address, password: started.password }, started.said);
    const connection = await createConnection({ ...address, password: started.password });
    await connection.query('set password for current_user() = password(?)', [password]);
    await connection.end();
    const from = runtime.kind === 'docker' ? `the image ${mariaDbImage}` : runtime.path;
    return {
      ...address,
      password,
      description: `MariaDB ${version} from ${from} on ${address.host}:${address.port}`,
      [Symbol.asyncDispose]: started.stop,
    };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

interface Started {
  readonly host: string;
  readonly port: number;
  /** Of root, until it is set. */
  readonly password: string;
  readonly said: () => string;
  readonly stop: () => Promise<void>;
}

const SETTINGS = ['--local-infile=1', '--innodb-buffer-pool-size=128M', '--character-set-server=utf8mb4'];
/** Nothing of these servers has to outlive the machine. */
const UNSAFE = ['--innodb-flush-log-at-trx-commit=0', '--skip-log-bin', '--performance-schema=0'];

async function asProcess(program: string): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-mariadb-'));
  const data = join(folder, 'data');
  mkdirSync(data);
  // The server gives up the rights of root, and its user must reach the folder.
  const user = process.getuid?.() === 0 ? [`--user=${serviceUser()}`] : [];
  if (user.length > 0) {
    chmodSync(folder, 0o755);
    spawnSync('chown', ['-R', serviceUser(), data]);
  }
  const install = [
    '--no-defaults',
    ...user,
    `--datadir=${data}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
  ];
  const port = await freePort();
  const socket = join(data, 's');
  const log = join(folder, 'server.log');
  let running: GuardedProcess | null = null;
  const stop = async (): Promise<void> => {
    if (running?.isRunning === true) process.kill(running.pid, 'SIGKILL');
    await running?.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await promisify(execFile)('mariadb-install-db', install);
    const place = ['--no-defaults', ...user, `--datadir=${data}`, `--socket=${socket}`, `--port=${port}`];
    const command = [program, ...place, '--bind-address=127.0.0.1', ...SETTINGS, ...UNSAFE];
    running = await guardedProcess(command, { folder, log });
  } catch (error) {
    await stop();
    throw error;
  }
  return { host: '127.0.0.1', port, password: '', said: running.said, stop };
}

/** The user of the distribution's own server, else one that owns nothing. */
function serviceUser(): string {
  return spawnSync('id', ['mysql'], { stdio: 'ignore' }).status === 0 ? 'mysql' : 'nobody';
}

async function inDocker(host: string, password: string): Promise<Started> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(mariaDbImage)
    .withCommand([...SETTINGS, ...UNSAFE])
    .withEnvironment({ MARIADB_ROOT_PASSWORD: password })
    .withExposedPorts(3306)
    // The first start makes the tables, and is ended again.
    .withWaitStrategy(Wait.forLogMessage(/ready for connections/, 2))
    .start();
  return {
    host,
    port: container.getMappedPort(3306),
    password,
    said: () => 'see the log of the container',
    stop: async () => void (await container.stop()),
  };
}

/** The version of the server, once it answers. */
async function answers(address: MariaDbAddress, said: () => string): Promise<string> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      const connection = await createConnection({ ...address });
      const [rows] = await connection.query('select version() as version');
      await connection.end();
      return (rows as unknown as readonly { readonly version: string }[])[0]!.version;
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`MariaDB on ${address.host}:${address.port} does not answer. It said:\n${said()}`, {
          cause: error,
        });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

let shared: Promise<OwnMariaDb> | undefined;

/** For programs that are no test run: one per process, which ends with it. */
function ownShared(): Promise<OwnMariaDb> {
  shared ??= startMariaDb();
  return shared;
}
