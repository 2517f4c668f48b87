import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
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
async function clientPython(): Promise<string> {
  const programs =
    chosen === null
      ? await pythonPackages('datarobot', NEEDS, [CLIENT])
      : await pythonPackages('datarobot-chosen', [chosen, 'pandas==2.3.3']);
  return join(programs, 'python');
}

const LONGEST_MS = 120_000;

/** A Python with the client, which does one flow of `python/datarobot_flows.py` after the other: loading the client takes seconds. */
export class DatarobotClient implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #answers: AsyncIterator<string>;
  #said = '';

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.on('data', (chunk: Buffer) => (this.#said += chunk.toString()));
    child.stdin.on('error', () => undefined);
  }

  static async start(): Promise<DatarobotClient> {
    const script = join(import.meta.dirname, 'python/datarobot_flows.py');
    const env = { ...process.env, PYTHONWARNINGS: 'ignore' };
    return new DatarobotClient(spawn(await clientPython(), [script], { stdio: 'pipe', env }));
  }

  /** Runs a flow against a server, and gives what it tells. Rejects with what Python says. */
  async flow<T>(name: string, base: string, settings: object): Promise<T> {
    this.#child.stdin.write(`${JSON.stringify([name, base, settings])}\n`);
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), LONGEST_MS);
    const { value, done } = await this.#answers.next();
    clearTimeout(patience);
    if (done === true) throw new Error(`Python ended in ${name}: ${this.#said}`);
    const { told, raised } = JSON.parse(value) as { readonly told?: T; readonly raised?: string };
    if (raised !== undefined) throw new Error(raised);
    return told as T;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }
}
