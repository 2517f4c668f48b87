import type { ChildProcess } from 'node:child_process';
import { ApiClient } from './api-client.ts';
import { startSluice } from './command-line.ts';

/** `sluice serve` as a process of its own, to be killed, and requests to it. */
export interface ServeProcess extends ApiClient, AsyncDisposable {
  readonly process: ChildProcess;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
  /** SIGTERM, and how it ended. */
  stop(): Promise<{ readonly code: number | null; readonly stderr: string }>;
}

/** Starts one and waits until it listens. @param file its configuration. @param state the state folder. */
export async function startServe(
  file: string,
  state: string,
  args: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<ServeProcess> {
  const env = { SLUICE_STATE: state, ...environment };
  const { process: child, ended } = startSluice(['serve', '--config', file, ...args], { env });
  const url = await new Promise<string>((resolve, reject) => {
    let told = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      told += chunk.toString();
      const found = /sluice serve at (\S+),/.exec(told);
      if (found !== null) resolve(found[1]!);
    });
    void ended.then(({ stderr }) => reject(new Error(`sluice serve did not start: ${stderr}`)));
  });
  const end = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    return await ended;
  };
  return Object.assign(new ApiClient(url), {
    process: child,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => {
      await end('SIGKILL');
    },
  });
}
