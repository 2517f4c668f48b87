import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './services/free-port.ts';
import { guardedProcess } from './services/guarded-process.ts';
import { pythonPackages } from './services/python-packages.ts';

/** A prediction server of somebody else that runs. */
export interface RealServer extends AsyncDisposable {
  readonly url: string;
}

/** What the models of `real-servers/models.py` predict: `y`, `risk` (no, yes) and `colour` (blue, green, red). */
export type RealModel = 'regression' | 'binary' | 'multiclass';

const sklearn = ['scikit-learn==1.9.1', 'pandas==3.1.1'];
const packages = {
  drum: ['datarobot-drum==1.18.1', ...sklearn],
  mlserver: ['mlserver==1.7.1', 'mlserver-sklearn==1.7.1', ...sklearn],
  mlflow: ['mlflow==3.17.2', ...sklearn],
} as const;

const READY_SECONDS = 120;

/** `drum server` with one model, of the classes that it is told. */
export function startDrum(model: RealModel): Promise<RealServer> {
  const classes = {
    regression: [],
    binary: ['--positive-class-label', 'yes', '--negative-class-label', 'no'],
    multiclass: ['--class-labels', 'blue', 'green', 'red'],
  };
  return start('drum', '/ping/', (programs, folder, port) => ({
    command: [
      join(programs, 'drum'),
      'server',
      '--code-dir',
      join(folder, model),
      '--address',
      `127.0.0.1:${port}`,
      '--target-type',
      model,
      ...classes[model],
    ],
  }));
}

/** MLServer with all three models; `regression` describes its inputs, the others do not. */
export async function startMlserver(): Promise<RealServer> {
  const [grpc, metrics] = [await freePort(), await freePort()];
  return start('mlserver', '/v2/health/ready', (programs, folder, port) => ({
    command: [join(programs, 'mlserver'), 'start', folder],
    env: {
      MLSERVER_HOST: '127.0.0.1',
      MLSERVER_HTTP_PORT: `${port}`,
      MLSERVER_GRPC_PORT: `${grpc}`,
      MLSERVER_METRICS_PORT: `${metrics}`,
      // Its worker processes do not start with the uvloop that pip picks today.
      MLSERVER_PARALLEL_WORKERS: '0',
    },
  }));
}

/** `mlflow models serve` with one model: `binary` gives its probabilities by name, `multiclass` as lists. */
export function startMlflow(model: RealModel): Promise<RealServer> {
  return start('mlflow', '/ping', (programs, folder, port) => ({
    command:
      `${join(programs, 'mlflow')} models serve -m ${join(folder, model)} -h 127.0.0.1 -p ${port} --env-manager local`.split(
        ' ',
      ),
  }));
}

interface Started {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

async function start(
  server: keyof typeof packages,
  ready: string,
  started: (programs: string, folder: string, port: number) => Started,
): Promise<RealServer> {
  const programs = await pythonPackages(server, packages[server]);
  const root = mkdtempSync(join(tmpdir(), `sluice-${server}-`));
  const folder = join(root, 'models');
  const script = join(import.meta.dirname, 'real-servers/models.py');
  const quiet = { MLFLOW_DISABLE_TELEMETRY: 'true', MLFLOW_TRACKING_URI: `sqlite:///${join(root, 'mlflow.db')}` };
  await promisify(execFile)(join(programs, 'python'), [script, folder, server], { env: { ...process.env, ...quiet } });
  const port = await freePort();
  const { command, env } = started(programs, folder, port);
  const path = `${programs}${delimiter}${process.env['PATH'] ?? ''}`;
  const running = await guardedProcess(command, {
    folder: root,
    log: join(root, 'log'),
    env: { ...env, ...quiet, PATH: path },
  });
  const url = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    if (running.isRunning) process.kill(running.pid, 'SIGTERM');
    const late = setTimeout(() => process.kill(running.pid, 'SIGKILL'), 15_000);
    await running.ended;
    clearTimeout(late);
    rmSync(root, { recursive: true, force: true });
  };
  for (let asked = 0; ; asked += 1) {
    const reply = await fetch(`${url}${ready}`).catch(() => null);
    if (reply?.ok === true) break;
    if (running.isRunning && asked < 5 * READY_SECONDS) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      continue;
    }
    const said = running.said();
    await stop();
    throw new Error(`${server} did not get ready. It said: ${said}`);
  }
  return { url, [Symbol.asyncDispose]: stop };
}
