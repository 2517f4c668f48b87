import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SluiceError } from '../../../src/sdk.ts';

const SOURCE = fileURLToPath(new URL('./Bridge.java', import.meta.url));
const run = promisify(execFile);

const INSTALL =
  'Install a JDK of version 11 or newer (Debian, Ubuntu: apt-get install default-jdk-headless; Fedora: dnf install ' +
  'java-latest-openjdk-devel; macOS: brew install openjdk), or name its program by the setting javaPath.';

/** How the bridge is started. */
export interface JavaProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * What starts the bridge with the drivers of a folder on its class path. Compiles it once into a folder of the user's cache, where
 * there is a compiler and such a folder, as that starts in a third of the time.
 * @param java the program, as the setting names it.
 */
export async function javaProgram(java: string, driverFolder: string, signal: AbortSignal): Promise<JavaProgram> {
  const drivers = join(driverFolder, '*');
  // Dates of drivers that know no better classes are in the zone of the machine: here that is UTC.
  const machine = ['-XX:+UseSerialGC', '-Xmx512m', '-Duser.timezone=UTC', '-Dfile.encoding=UTF-8'];
  const classes = await compiled(java, signal);
  return classes === null
    ? { command: java, args: [...machine, '-cp', drivers, SOURCE] }
    : { command: java, args: [...machine, '-cp', [classes, drivers].join(delimiter), 'Bridge'] };
}

/** What to say when the program could not be started, or ended before it said anything. */
export function javaMissing(java: string, said: string, cause: unknown): SluiceError {
  const noCompiler = /jdk\.compiler|release version|UnsupportedClassVersion/.test(said);
  const what = noCompiler
    ? `The Java of '${java}' is too old, or has no compiler`
    : said === ''
      ? `There is no Java here ('${java}')`
      : `'${java}' does not run the bridge (${said.trim().split('\n').slice(-3).join(' ').slice(0, 300)})`;
  return new SluiceError(
    'CONFIG_INVALID',
    `${what}, which a database without a driver in Node is reached by. ${INSTALL}`,
    {
      cause,
    },
  );
}

/** The folder of the compiled bridge; null where it cannot be had. It gets its name only when it is whole. */
async function compiled(java: string, signal: AbortSignal): Promise<string | null> {
  const digest = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
  const folder = join(cache, `bridge-${digest}`);
  if (existsSync(join(folder, 'Bridge.class'))) return folder;
  const compiler = java.replace(/java(?=(\.exe)?$)/, 'javac');
  let making: string | null = null;
  try {
    mkdirSync(cache, { recursive: true });
    making = mkdtempSync(join(cache, '.bridge-'));
    await run(compiler, ['--release', '11', '-encoding', 'UTF-8', '-d', making, SOURCE], { signal });
    renameSync(making, folder);
    return folder;
  } catch {
    signal.throwIfAborted();
    // Another process was first; or no compiler, no right to write there: Java compiles it at each start.
    return existsSync(join(folder, 'Bridge.class')) ? folder : null;
  } finally {
    if (making !== null) rmSync(making, { recursive: true, force: true });
  }
}
