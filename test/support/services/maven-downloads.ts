import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { requireJavaAndMaven } from './system-commands.ts';

/**
 * The folder with the jars of some Maven artifacts and all that they need at run time, from the cache or from Maven Central.
 * @param name of the folder in the cache; another set of artifacts needs another name.
 * @param artifacts `group:artifact:version`
 */
export function mavenJars(name: string, artifacts: readonly string[]): Promise<string> {
  return cached(name, artifacts, ['dependency:copy-dependencies', '-DincludeScope=runtime'], artifacts);
}

/**
 * The folder of an archive of Maven Central, unpacked.
 * @param artifact `group:artifact:version:type:classifier`
 */
export function mavenArchive(name: string, artifact: string): Promise<string> {
  return cached(name, [artifact], ['dependency:unpack', `-Dartifact=${artifact}`], []);
}

/**
 * Downloads to a folder outside the checkout that gets its name only when it is whole: two processes that do it at once, or one
 * that dies, do no harm.
 */
async function cached(
  name: string,
  artifacts: readonly string[],
  goal: readonly string[],
  dependencies: readonly string[],
): Promise<string> {
  requireJavaAndMaven();
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'sluice');
  const target = join(cache, name);
  const files = join(target, 'libs');
  if (existsSync(files)) return files;
  mkdirSync(cache, { recursive: true });
  const download = mkdtempSync(join(cache, `.${name}-`));
  writeFileSync(join(download, 'pom.xml'), project(name, dependencies));
  console.error(`services: downloading ${artifacts.join(', ')} from Maven Central ...`);
  const options = ['--batch-mode', '--quiet', `-DoutputDirectory=${join(download, 'libs')}`];
  try {
    await promisify(execFile)('mvn', [...options, ...goal], { cwd: download });
    try {
      renameSync(download, target);
    } catch (error) {
      // Another process was first.
      if (!existsSync(files)) throw error;
    }
  } catch (error) {
    throw new Error(
      `Maven could not download ${artifacts.join(', ')}. Check the connection to Maven Central (or the mirror in its ` +
        'settings.xml), or leave the tests that need it out by SLUICE_TEST_WITHOUT=kafka,registry.',
      { cause: error },
    );
  } finally {
    rmSync(download, { recursive: true, force: true });
  }
  return files;
}

function project(name: string, artifacts: readonly string[]): string {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>`;
  });
  return (
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>sluice</groupId>' +
    `<artifactId>${name}</artifactId><version>1</version><dependencies>${dependencies.join('')}</dependencies></project>`
  );
}
