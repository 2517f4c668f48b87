import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/core/clock.ts';
import { loadConfiguration } from '../../src/jobs/configuration.ts';
import { type RunningServer, startServer } from '../../src/server/start-server.ts';
import { ApiClient } from './api-client.ts';

export interface ApiServerOptions {
  /** Base addresses of prediction servers, by deployment. */
  readonly deployments: Readonly<Record<string, string>>;
  /** `server` of the configuration. */
  readonly server?: object;
  /** Beside the deployments and the server. */
  readonly configuration?: object;
  readonly state?: string;
  readonly clock?: Clock;
  readonly token?: string;
}

/** `sluice serve` in this process, in a state folder of its own, and requests to it. */
export interface ApiServer extends ApiClient, AsyncDisposable {
  readonly state: string;
  readonly server: RunningServer;
  readonly log: readonly string[];
}

export async function startApi(options: ApiServerOptions): Promise<ApiServer> {
  const state = options.state ?? mkdtempSync(join(tmpdir(), 'sluice-serve-'));
  const log: string[] = [];
  const server = await startServer({
    configuration: loadConfiguration(writeConfiguration(state, options)),
    env: { SLUICE_STATE: state },
    log: (line) => log.push(line),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  return Object.assign(new ApiClient(server.url, options.token), {
    state,
    server,
    log,
    async [Symbol.asyncDispose](): Promise<void> {
      await server.close();
      if (options.state === undefined) rmSync(state, { recursive: true, force: true });
    },
  });
}

/** Writes a configuration file into a state folder, and gives its path. */
export function writeConfiguration(
  state: string,
  { deployments, server = {}, configuration = {} }: ApiServerOptions,
): string {
  const file = join(state, 'sluice.json');
  const entries = Object.entries(deployments).map(([id, url]) => [id, { server: url }]);
  writeFileSync(
    file,
    JSON.stringify({ deployments: Object.fromEntries(entries), server: { port: 0, ...server }, ...configuration }),
  );
  return file;
}
