import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { ofTheRun, type RunServices } from './of-the-run.ts';

const run = promisify(execFile);
const PROGRAMS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The browser that the live page is tried in: a program, or one that runs already (`http://…`, with remote debugging). */
export async function chromium(): Promise<RunServices['chromium']> {
  return (await ofTheRun('chromium')) ?? (await findChromium());
}

/** As `chromium`, without asking the run. On Debian and Ubuntu root installs it. */
export async function findChromium(): Promise<RunServices['chromium']> {
  const named = process.env.SLUICE_TEST_CHROMIUM;
  if (named !== undefined && named !== '') return named;
  const found = installed();
  if (found !== null) return found;
  const howToGoOn =
    'Install Chromium or Chrome (Debian: apt-get install chromium), name one by SLUICE_TEST_CHROMIUM (a program, or http://host:port of one that ' +
    'runs with --remote-debugging-port), or leave these tests out by SLUICE_TEST_WITHOUT=chromium.';
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`The tests of the live page need Chromium, and there is none. ${howToGoOn}`);
  console.error('services: installing Chromium by apt-get ...');
  const apt = ['-qq', '-o', 'DPkg::Lock::Timeout=300'];
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    await run('apt-get', [...apt, 'update'], { env });
    await run('apt-get', [...apt, 'install', '-y', '--no-install-recommends', 'chromium'], { env });
  } catch (error) {
    throw new Error(`The tests of the live page need Chromium, and apt-get could not install it. ${howToGoOn}`, {
      cause: error,
    });
  }
  const now = installed();
  if (now === null) throw new Error(`The package of Chromium is installed and there is no program. ${howToGoOn}`);
  return now;
}

function installed(): string | null {
  return PROGRAMS.find((path) => existsSync(path)) ?? null;
}
