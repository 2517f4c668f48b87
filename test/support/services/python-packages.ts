import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const HOW_TO_GO_ON =
  'Install Python 3.10 to 3.12 with pip and venv (Debian, Ubuntu: apt-get install python3 python3-pip python3-venv), ' +
  'or name one by SLUICE_TEST_PYTHON=/path/to/python3.';

/**
 * The folder of the programs of a virtual environment with some packages of PyPI, from the cache outside the checkout or installed
 * there now, which takes a minute or two. It counts as there only when it is whole; one test file at a time asks for it.
 * @param name of the folder in the cache; other packages make another one.
 * @param packages as pip takes them, with their versions.
 * @param alone others that are installed without what they ask for: it is among `packages`, in versions that they would refuse.
 * @throws Error that says what to install where there is no Python.
 */
export async function pythonPackages(
  name: string,
  packages: readonly string[],
  alone: readonly string[] = [],
): Promise<string> {
  const python = process.env['SLUICE_TEST_PYTHON'] || 'python3';
  const digest = createHash('sha256')
    .update([...packages, ...alone].join('\n'))
    .digest('hex')
    .slice(0, 12);
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'sluice');
  const folder = join(cache, `python-${name}-${digest}`);
  const whole = join(folder, 'whole');
  const programs = join(folder, 'bin');
  if (existsSync(whole)) return programs;
  requirePython(python);
  // What somebody left in the middle.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  console.error(`services: installing ${packages.join(' ')} from PyPI to ${folder} (a minute or two) ...`);
  const run = promisify(execFile);
  try {
    await run(python, ['-m', 'venv', folder]);
    const quiet = ['--disable-pip-version-check', '--quiet', '--no-input'];
    const install = ['-m', 'pip', 'install', ...quiet];
    await run(join(programs, 'python'), [...install, ...packages]);
    if (alone.length > 0) await run(join(programs, 'python'), [...install, '--no-deps', ...alone]);
  } catch (error) {
    throw new Error(
      `Python could not install ${packages.join(' ')}. Check the connection to PyPI (or the mirror of pip's settings). ${HOW_TO_GO_ON}`,
      { cause: error },
    );
  }
  writeFileSync(whole, `${packages.join('\n')}\n`);
  return programs;
}

function requirePython(python: string): void {
  for (const module of ['pip', 'venv']) {
    const { status } = spawnSync(python, ['-m', module, '--help'], { stdio: 'ignore' });
    if (status !== 0) throw new Error(`These tests need ${python} with ${module}. ${HOW_TO_GO_ON}`);
  }
}
