import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { ofTheRun, type RunServices } from './of-the-run.ts';

/** The image where a Docker engine answers; elsewhere the distribution's own server is used. */
export const mariaDbImage = 'mariadb:11.8';

/** The server's programs without what would start one for the whole machine; the second has what makes a new folder of data. */
const PACKAGES = ['mariadb-server-core', 'mariadb-client-core'];
const run = promisify(execFile);
const PROGRAMS = [
  '/usr/sbin/mariadbd',
  '/usr/local/sbin/mariadbd',
  '/usr/libexec/mariadbd',
  '/opt/homebrew/bin/mariadbd',
];

/** How MariaDB servers are run here: by a Docker engine that answers and has or gets the image, else by a program of this machine. */
export async function mariaDbRuntime(): Promise<RunServices['mariadb-runtime']> {
  return (await ofTheRun('mariadb-runtime')) ?? (await findMariaDbRuntime());
}

/** As `mariaDbRuntime`, without asking the run. */
export async function findMariaDbRuntime(): Promise<RunServices['mariadb-runtime']> {
  const host = await dockerHost();
  return host === null ? { kind: 'program', path: await serverProgram() } : { kind: 'docker', host };
}

/** Null where no engine answers, or none that has the image. The library takes a second to load: not before it is needed. */
async function dockerHost(): Promise<string | null> {
  const { getContainerRuntimeClient, ImageName } = await import('testcontainers');
  const client = await getContainerRuntimeClient().catch(() => null);
  if (client === null) return null;
  const image = ImageName.fromString(mariaDbImage);
  try {
    if (!(await client.image.exists(image))) await client.image.pull(image);
    return client.info.containerRuntime.host;
  } catch (error) {
    console.error(`services: a Docker engine answers, but ${mariaDbImage} cannot be had: ${String(error)}`);
    return null;
  }
}

/** The server as a program; on Debian and Ubuntu root installs it, without the package that would start it for the whole machine. */
async function serverProgram(): Promise<string> {
  const found = installed();
  if (found !== null) return found;
  const howToGoOn =
    `Install MariaDB 10.6 or newer (Debian, Ubuntu: apt-get install ${PACKAGES.join(' ')}), name a running server by ` +
    'SLUICE_TEST_MARIADB=mysql://USER:PASSWORD@host:port, or leave these tests out by SLUICE_TEST_WITHOUT=mariadb.';
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`The tests need MariaDB, and there is no mariadbd. ${howToGoOn}`);
  console.error('services: installing MariaDB by apt-get ...');
  const apt = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', [...apt, 'update'], { env });
    await run('apt-get', [...apt, 'install', '-y', '--no-install-recommends', ...PACKAGES], { env });
  } catch (error) {
    throw new Error(`The tests need MariaDB, and apt-get could not install it. ${howToGoOn}`, { cause: error });
  }
  const now = installed();
  if (now === null) throw new Error(`The packages of MariaDB are installed and there is no mariadbd. ${howToGoOn}`);
  return now;
}

function installed(): string | null {
  if (!works('mariadb-install-db', '--help') || !works('my_print_defaults', '--version')) return null;
  const path = PROGRAMS.find((one) => existsSync(one));
  if (path !== undefined) return path;
  return works('mariadbd', '--version') ? 'mariadbd' : null;
}

function works(program: string, argument: string): boolean {
  return spawnSync(program, [argument], { stdio: 'ignore' }).error === undefined;
}
