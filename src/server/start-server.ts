import { readFileSync } from 'node:fs';
import { type Clock, systemClock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import { catalogPlace } from '../jobs/catalog/catalog-place.ts';
import { DatasetRegistry } from '../jobs/catalog/dataset-registry.ts';
import { DefinitionService } from '../jobs/definitions/definition-service.ts';
import { AccuracyLog } from '../jobs/monitoring/kept/accuracy-log.ts';
import { JobService, type JobServiceOptions } from '../jobs/queue/job-service.ts';
import type { ServerSettings } from '../jobs/queue/server-settings.ts';
import { createSeal } from '../jobs/queue/store/seal.ts';
import { sealingKeys } from '../jobs/queue/store/sealing-keys.ts';
import { stateFolder } from '../jobs/state-folder.ts';
import { createApp } from './app.ts';
import { LiveFeed } from './live/live-feed.ts';
import { abilityRoutes } from './routes/abilities.ts';
import { accuracyRoutes } from './routes/accuracy.ts';
import { actualsRoutes } from './routes/actuals.ts';
import { datasetChangeRoutes } from './routes/dataset-changes.ts';
import { datasetRoutes } from './routes/datasets.ts';
import { definitionRoutes } from './routes/definitions.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { driftRoutes } from './routes/drift.ts';
import { monitoringBatchRoutes } from './routes/monitoring-batches.ts';
import { predictionRoutes } from './routes/predictions.ts';
import { serviceStatsRoutes } from './routes/service-stats.ts';
import { statusRoute } from './routes/status.ts';
import { allowedTargets } from './security/allowed-targets.ts';
import { isLoopback } from './security/local-only.ts';
import { tokenAccess } from './security/token-access.ts';
import { TokenStore } from './security/token-store.ts';

/** `sluice serve` that runs. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens, without a slash at its end; the API is at `/api/v2`. */
  readonly url: string;
  readonly service: JobService;
  readonly definitions: DefinitionService;
  /** Takes no new requests, drains jobs and gives them back, and stops. */
  close(): Promise<void>;
}

/** Starts the server. Throws CONFIG_INVALID for settings that would let strangers in, or that it cannot work with. */
export async function startServer(
  options: Omit<JobServiceOptions, 'settings'> & { readonly settings?: ServerSettings },
): Promise<RunningServer> {
  const settings = options.settings ?? options.configuration.server;
  const clock: Clock = options.clock ?? systemClock;
  const log = options.log ?? ((): void => undefined);
  const tls = settings.tls === null ? null : certificate(settings.tls);
  const keys = sealingKeys({ env: options.env ?? process.env });
  const service = await JobService.open({
    seal: keys === null ? null : createSeal(keys),
    guard: allowedTargets(settings.allowTargets),
    ...options,
    settings,
  });
  const access = tokenAccess(settings.tokens, new TokenStore(service.store.session, clock));
  if (!isLoopback(settings.host) && (await access.isOpen())) {
    await service.close();
    throw new SluiceError(
      'CONFIG_INVALID',
      `server.host is ${settings.host}, where others can reach it, and there are no tokens: make one by sluice token create, or listen on 127.0.0.1.`,
    );
  }
  if (!isLoopback(settings.host) && tls === null)
    log('tokens and rows go over the network as they are: give server.tls, or put a proxy with TLS before it');
  const env = options.env ?? process.env;
  const accuracy = new AccuracyLog(stateFolder(env, options.configuration));
  const registry = new DatasetRegistry(catalogPlace(options.configuration, env), clock);
  const definitions = await DefinitionService.open({ jobs: service, clock, log }).catch(async (error: unknown) => {
    await service.close();
    throw error;
  });
  const now = (): number => clock.wall();
  const routes = [
    ...definitionRoutes(definitions, service),
    ...deploymentRoutes(service, { clock, log }),
    ...abilityRoutes(service, clock),
    ...driftRoutes(service, now),
    ...serviceStatsRoutes(service, now),
    ...monitoringBatchRoutes(service),
    ...accuracyRoutes(service, accuracy, now),
    ...actualsRoutes(service, accuracy, registry),
    ...predictionRoutes(service, accuracy, now),
    ...datasetRoutes(registry),
    ...datasetChangeRoutes(registry, service),
    statusRoute,
  ];
  const feed = new LiveFeed({ service, clock, log });
  const app = createApp({ service, access, tls, feed, now, log, routes });
  const close = async (): Promise<void> => {
    // Downloads of jobs that run wait for rows that will not come here any more: they are cut off.
    const closing = app.close();
    await definitions.close();
    await service.close();
    app.server.closeAllConnections();
    await closing;
    await accuracy[Symbol.asyncDispose]();
  };
  try {
    const url = await app.listen({ host: settings.host, port: settings.port });
    return { url, service, definitions, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw new SluiceError(
      'CONFIG_INVALID',
      `server.port: ${settings.host}:${settings.port} cannot be listened on: ${(error as Error).message}.`,
      { cause: error },
    );
  }
}

function certificate({ certFile, keyFile }: NonNullable<ServerSettings['tls']>): {
  readonly cert: string;
  readonly key: string;
} {
  return { cert: textOf('certFile', certFile), key: textOf('keyFile', keyFile) };
}

function textOf(field: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SluiceError('CONFIG_UNREADABLE', `server.tls.${field} names ${path}, which cannot be read.`, {
      cause: error,
    });
  }
}
