import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonPackages } from './services/python-packages.ts';

/**
 * What the last client under the Apache licence needs. It asks for an older pandas than there is for today's Python, and works with this one.
 */
const NEEDS = [
  'pandas==2.3.3',
  'requests==2.34.2',
  'requests_toolbelt==1.0.0',
  'urllib3==2.8.0',
  'trafaret==2.1.1',
  'pyyaml',
  'six',
  'pytz',
  'contextlib2',
  'decorator',
  'mypy_extensions',
  'typing_extensions',
  'attrs',
  'setuptools<81',
];
const CLIENT = 'datarobot==2.26.2';

/** Which client is tested: the one above, or that of SLUICE_TEST_DATAROBOT_CLIENT (`datarobot==3.20.0`), whose licence the developer has accepted. */
const chosen = process.env['SLUICE_TEST_DATAROBOT_CLIENT'] || null;

/** The Python that has the client; installed into the cache when it is not there. */
export async function clientPython(): Promise<string> {
  const programs =
    chosen === null
      ? await pythonPackages('datarobot', NEEDS, [CLIENT])
      : await pythonPackages('datarobot-chosen', [chosen, 'pandas==2.3.3']);
  return join(programs, 'python');
}

/** Runs a flow of `python/datarobot_flows.py` against a server, and gives what it tells. Rejects with what Python says. */
export async function clientFlow<T>(python: string, flow: string, base: string, settings: object): Promise<T> {
  const script = join(import.meta.dirname, 'python/datarobot_flows.py');
  const { stdout } = await promisify(execFile)(python, [script, flow, base, JSON.stringify(settings)], {
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PYTHONWARNINGS: 'ignore' },
  });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as T;
}
