import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort } from './free-port.ts';
import { guardedProcess } from './guarded-process.ts';
import { ofTheRun } from './of-the-run.ts';
import { gatewayImage, gatewayVersion, s3Runtime } from './s3-gateway.ts';

/** Where an S3 server is, and its owner's keys. */
export interface S3Address {
  readonly endpointUrl: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** An S3 server that this process started. */
export interface OwnS3 extends S3Address, AsyncDisposable {
  /** What runs, from where and at which address: a line for people. */
  readonly description: string;
}

/** Where a test that needs no server of its own puts its objects. */
export interface S3Bucket extends S3Address {
  readonly bucket: string;
  /** The owner's, to look at what a test has done. */
  readonly client: S3Client;
}

/**
 * A new bucket on the server that all files of a test run share: that of SLUICE_TEST_S3 (http://ACCESS_KEY:SECRET_KEY@host:port), else one
 * that the run starts when the first test asks.
 */
export async function s3Bucket(): Promise<S3Bucket> {
  const address = (await ofTheRun('s3')) ?? namedS3() ?? (await ownShared());
  const client = clientOf(address);
  const bucket = `sluice-${randomUUID()}`;
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return { ...address, bucket, client };
}

/** The server of SLUICE_TEST_S3; null without it. */
export function namedS3(): S3Address | null {
  const named = process.env.SLUICE_TEST_S3;
  if (named === undefined || named === '') return null;
  const { protocol, host, username, password } = new URL(named);
  return {
    endpointUrl: `${protocol}//${host}`,
    accessKeyId: decodeURIComponent(username),
    secretAccessKey: decodeURIComponent(password),
  };
}

/** Starts a server of the caller's own, which ends with it, and resolves when it answers. Dispose of it. */
export async function startS3(): Promise<OwnS3> {
  const runtime = await s3Runtime();
  const keys = { accessKeyId: 'sluice-tests', secretAccessKey: randomUUID() };
  const started = runtime.kind === 'docker' ? await inDocker(runtime.host, keys) : await asProcess(runtime.path, keys);
  const address = { ...keys, endpointUrl: started.endpointUrl };
  const from = runtime.kind === 'docker' ? `the image ${gatewayImage}` : 'Go';
  try {
    await answers(address);
  } catch (error) {
    await started.stop();
    throw error;
  }
  return {
    ...address,
    description: `versitygw ${gatewayVersion} by ${from} on ${address.endpointUrl}`,
    [Symbol.asyncDispose]: started.stop,
  };
}

interface Started {
  readonly endpointUrl: string;
  readonly stop: () => Promise<void>;
}

type Keys = Pick<S3Address, 'accessKeyId' | 'secretAccessKey'>;

async function asProcess(program: string, keys: Keys): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-s3-'));
  // What it knows of objects is in files of its own: not every file system has attributes. The two names must not begin alike.
  const [objects, notes] = [join(folder, 'objects'), join(folder, 'notes')];
  mkdirSync(objects);
  mkdirSync(notes);
  const port = await freePort();
  // Without its third option it closes each connection with its reply, which no store that is used does.
  const command = [
    program,
    '--port',
    `127.0.0.1:${port}`,
    '--keep-alive',
    '--quiet',
    'posix',
    '--sidecar',
    notes,
    objects,
  ];
  const env = { ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey };
  const running = await guardedProcess(command, { folder, log: join(folder, 'server.log'), env });
  return {
    endpointUrl: `http://127.0.0.1:${port}`,
    stop: async () => {
      if (running.isRunning) process.kill(running.pid, 'SIGKILL');
      await running.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function inDocker(host: string, keys: Keys): Promise<Started> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer(gatewayImage)
    .withEntrypoint(['sh'])
    .withCommand([
      '-c',
      'mkdir -p /tmp/objects /tmp/notes && exec versitygw --port :7070 --keep-alive posix --sidecar /tmp/notes /tmp/objects',
    ])
    .withEnvironment({ ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey })
    .withExposedPorts(7070)
    .withWaitStrategy(Wait.forListeningPorts())
    .start();
  return {
    endpointUrl: `http://${host}:${container.getMappedPort(7070)}`,
    stop: async () => void (await container.stop()),
  };
}

async function answers(address: S3Address): Promise<void> {
  const client = clientOf(address);
  const deadline = performance.now() + 30_000;
  for (;;) {
    try {
      await client.send(new ListBucketsCommand({}));
      return client.destroy();
    } catch (error) {
      if (performance.now() > deadline)
        throw new Error(`The S3 server on ${address.endpointUrl} does not answer.`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function clientOf({ endpointUrl, accessKeyId, secretAccessKey }: S3Address): S3Client {
  return new S3Client({
    endpoint: endpointUrl,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
}

let shared: Promise<OwnS3> | undefined;

/** For programs that are no test run: one per process, which ends with it. */
function ownShared(): Promise<OwnS3> {
  shared ??= startS3();
  return shared;
}
