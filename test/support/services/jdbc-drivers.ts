import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mavenJars } from './maven-downloads.ts';

/** The folder with the JDBC drivers of H2 and PostgreSQL, from the cache or from Maven Central. Sees to it that there is a JDK. */
export function jdbcDrivers(): Promise<string> {
  drivers ??= findDrivers();
  return drivers;
}

/** Looked for once: to ask Java for its version takes as long as a test. */
let drivers: Promise<string> | undefined;

async function findDrivers(): Promise<string> {
  requireJdk();
  return await mavenJars('jdbc-drivers-1', ['com.h2database:h2:2.3.232', 'org.postgresql:postgresql:42.7.7']);
}

/** A `java` that also compiles; on Debian and Ubuntu root installs it. */
function requireJdk(): void {
  const isThere = (): boolean => spawnSync('javac', ['-version'], { stdio: 'ignore' }).status === 0;
  if (isThere()) return;
  const howToGoOn =
    'Install a JDK of version 11 or newer (Debian, Ubuntu: apt-get install default-jdk-headless), ' +
    'or leave these tests out by SLUICE_TEST_WITHOUT=jdbc.';
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`The tests of JDBC need a JDK, and there is no javac. ${howToGoOn}`);
  console.error('services: installing default-jdk-headless by apt-get ...');
  const quiet = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = [...quiet, 'install', '-y', '--no-install-recommends', 'default-jdk-headless'];
  try {
    for (const command of [[...quiet, 'update'], install])
      execFileSync('apt-get', command, { stdio: ['ignore', 'ignore', 'inherit'], env });
  } catch (error) {
    throw new Error(`The tests of JDBC need a JDK, and apt-get could not install it. ${howToGoOn}`, { cause: error });
  }
}
