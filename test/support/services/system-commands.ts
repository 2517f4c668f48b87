import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const missing = (): readonly string[] => {
  const commands = ['java', 'mvn'].filter((name) => spawnSync(name, ['-version'], { stdio: 'ignore' }).status !== 0);
  return commands;
};

/**
 * Sees to it that `java` (17 or newer) and `mvn` are there. On Debian and Ubuntu root installs them.
 * @throws Error that says what to install, or how to go without.
 */
export function requireJavaAndMaven(): void {
  const howToGoOn =
    'Install a Java runtime of version 17 or newer and Maven (Debian, Ubuntu: apt-get install default-jre-headless maven), ' +
    'name a running broker by SLUICE_TEST_KAFKA=host:port, or leave these tests out by SLUICE_TEST_WITHOUT=kafka,registry.';
  if (missing().length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.error(`services: installing ${missing().join(' and ')} by apt-get ...`);
    const quiet = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
    const options = {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    };
    try {
      execFileSync('apt-get', [...quiet, 'update'], options as never);
      execFileSync(
        'apt-get',
        [...quiet, 'install', '-y', '--no-install-recommends', 'default-jre-headless', 'maven'],
        options as never,
      );
    } catch (error) {
      throw new Error(`The tests need Kafka, and apt-get could not install Java and Maven. ${howToGoOn}`, {
        cause: error,
      });
    }
  }
  const still = missing();
  if (still.length > 0)
    throw new Error(`The tests need Kafka, and there is no ${still.join(' and no ')}. ${howToGoOn}`);
  const { stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = /version "(\d+)/.exec(stderr)?.[1];
  if (version !== undefined && Number(version) < 17)
    throw new Error(`The tests need Kafka, which needs Java 17 or newer; this one is ${version}. ${howToGoOn}`);
}
