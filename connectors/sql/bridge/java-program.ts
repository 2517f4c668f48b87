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
  'java-latest-openjdk-devel; macOS: brew install openjdk), or set JAVA_HOME to where one is.';

/** How the bridge is started. */
export interface JavaProgram {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * What starts the bridge with the drivers on its class path. Compiles it once into a folder of the user's cache, where
 * there is a compiler and such a folder, as that starts in a third of the time.
 */
export async function javaProgram(classPath: readonly string[], signal: AbortSignal): Promise<JavaProgram> {
  const command = javaCommand();
  // Dates of drivers that know no better classes are in the zone of the machine: here that is UTC.
  const machine = ['-XX:+UseSerialGC', '-Xmx512m', '-Duser.timezone=UTC', '-Dfile.encoding=UTF-8'];
  const classes = await compiled(signal);
  const path = [...(classes === null ? [] : [classes]), ...classPath].join(delimiter);
  return { command, args: [...machine, '-cp', path, classes === null ? SOURCE : 'Bridge'] };
}

function javaCommand(program = 'java'): string {
  const home = process.env.JAVA_HOME;
  return home === undefined || home === '' ? program : join(home, 'bin', program);
}

/** What to say when the bridge could not be started, or ended before it said anything. */
export function javaMissing(said: string, cause: unknown): SluiceError {
  const noCompiler = /jdk\.compiler|UnsupportedClassVersion|release 11/.test(said);
  const java = javaCommand();
  const what = noCompiler
    ? `the Java here ('${java}') is too old, or has no compiler`
    : said === ''
      ? `there is no Java here ('${java}')`
      : `'${java}' does not run (${said.trim().split('\n').slice(-3).join(' ').slice(0, 300)})`;
  return new SluiceError(
    'JAVA_MISSING',
    `A database without a driver in Node is reached by Java, and ${what}. ${INSTALL}`,
    { cause },
  );
}

/** The folder of the compiled bridge; null where it cannot be had. It gets its name only when it is whole. */
async function compiled(signal: AbortSignal): Promise<string | null> {
  const digest = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 16);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
  const folder = join(cache, `bridge-${digest}`);
  if (existsSync(join(folder, 'Bridge.class'))) return folder;
  let making: string | null = null;
  try {
    mkdirSync(cache, { recursive: true });
    making = mkdtempSync(join(cache, '.bridge-'));
    await run(javaCommand('javac'), ['--release', '11', '-encoding', 'UTF-8', '-d', making, SOURCE], { signal });
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
