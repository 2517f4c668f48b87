import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ofTheRun, type RunServices } from './of-the-run.ts';

/** The version of Versity's S3 gateway that the tests run against. */
export const gatewayVersion = '1.8.0';
export const gatewayImage = `versity/versitygw:v${gatewayVersion}`;

const run = promisify(execFile);

/** How S3 servers are run here: by a Docker engine that answers and has or gets the image, else by a program that Go builds. */
export async function s3Runtime(): Promise<RunServices['s3-runtime']> {
  return (await ofTheRun('s3-runtime')) ?? (await findS3Runtime());
}

/** As `s3Runtime`, without asking the run. */
export async function findS3Runtime(): Promise<RunServices['s3-runtime']> {
  const host = await dockerHost();
  return host === null ? { kind: 'program', path: await builtGateway() } : { kind: 'docker', host };
}

/** Null where no engine answers, or none that has the image. The library takes a second to load: not before it is needed. */
async function dockerHost(): Promise<string | null> {
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers');
  const client = await getContainerRuntimeClient().catch(() => null);
  if (client === null) return null;
  const image = ImageName.fromString(gatewayImage);
  try {
    if (!(await client.image.exists(image))) await client.image.pull(image);
    return client.info.containerRuntime.host;
  } catch (error) {
    console.error(`services: a Docker engine answers, but ${gatewayImage} cannot be had: ${String(error)}`);
    return null;
  }
}

/** The program, from the cache or built there in a folder that gets its name only when it is whole. */
async function builtGateway(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
  const folder = join(cache, `versitygw-${gatewayVersion}`);
  const program = join(folder, 'versitygw');
  if (existsSync(program)) return program;
  mkdirSync(cache, { recursive: true });
  const building = mkdtempSync(join(cache, '.versitygw-'));
  console.error(`services: building versitygw ${gatewayVersion} by Go ...`);
  try {
    await goInstall(`github.com/versity/versitygw/cmd/versitygw@v${gatewayVersion}`, building);
    try {
      renameSync(building, folder);
    } catch (error) {
      // Another process was first.
      if (!existsSync(program)) throw error;
    }
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return program;
}

async function goInstall(name: string, folder: string): Promise<void> {
  const howToGoOn =
    'Install Go 1.21 or newer (Debian, Ubuntu: apt-get install golang-go), name a running server by ' +
    'SLUICE_TEST_S3=http://ACCESS_KEY:SECRET_KEY@host:port, or leave these tests out by SLUICE_TEST_WITHOUT=s3.';
  const install = (): Promise<unknown> =>
    run('go', ['install', name], { env: { ...process.env, GOBIN: folder, GOTOOLCHAIN: 'auto' } });
  try {
    await install().catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) throw error;
      console.error('services: installing golang-go by apt-get ...');
      const apt = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      await run('apt-get', [...apt, 'update'], { env });
      await run('apt-get', [...apt, 'install', '-y', '--no-install-recommends', 'golang-go', 'ca-certificates'], {
        env,
      });
      await install();
    });
  } catch (error) {
    throw new Error(`The tests need an S3 server, and Go could not build versitygw. ${howToGoOn}`, { cause: error });
  }
}
