import type * as z from 'zod';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error.ts';
import { canonicalJson, type Json } from '../../core/json.ts';
import { describeServer } from '../../jobs/describe-deployment.ts';
import type { Deployment } from '../../jobs/description/deployment.ts';
import type { DriftSettings } from '../../jobs/monitoring/kept/monitoring-store.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { replaceModel } from '../../jobs/replace-model.ts';
import { type ApiCall, type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { refused } from '../refused.ts';
import { modelBody, settingsBody } from '../schemas/deployment-bodies.ts';
import { pageQuery } from '../schemas/monitoring-query.ts';
import { deploymentSettingsView } from '../views/deployment-settings-view.ts';
import { brokenDeploymentView, deploymentView, serverView } from '../views/deployment-view.ts';
import { pageView } from '../views/page-view.ts';
import { sendDone } from './status.ts';

const DESCRIBE_MS = 5_000;
/** What may be changed while the server runs; all else stands in its configuration. */
const CHANGEABLE = ['featureDrift', 'targetDrift'] as const;

/** `/deployments/`: the deployments of the configuration, their settings and their models; and their servers. */
export function deploymentRoutes(
  service: JobService,
  { clock, log }: { readonly clock: Clock; readonly log: (line: string) => void },
): readonly ApiRoute[] {
  const { configuration } = service;
  const deploymentOf = ({ params }: ApiCall<'id'>): Deployment => knownDeployment(configuration, params.id);
  return [
    apiRoute({
      method: 'GET',
      path: '/deployments/',
      summary: 'The deployments that jobs may name.',
      query: pageQuery.loose(),
      replies: { 200: 'A page of deployments.' },
      handle: async (call) =>
        sendJson(
          call.reply,
          page(call, configuration.deploymentIds, (id) => {
            const deployment = readable(service, id);
            return deployment === null
              ? brokenDeploymentView(id)
              : deploymentView(deployment, { described: null, problem: null });
          }),
        ),
    }),
    apiRoute({
      method: 'GET',
      path: '/predictionServers/',
      summary: 'The prediction servers of the deployments.',
      query: pageQuery,
      replies: { 200: 'A page of servers.' },
      handle: async (call) => {
        const servers = configuration.deploymentIds.flatMap((id) => readable(service, id)?.server ?? []);
        return sendJson(call.reply, page(call, [...new Set(servers)], serverView));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/',
      summary: 'A deployment, with what its server says of it now.',
      replies: { 200: 'The deployment.', 404: 'There is no such deployment.' },
      handle: async (call) => {
        const deployment = deploymentOf(call);
        try {
          const described = await describeServer(deployment, clock, AbortSignal.timeout(DESCRIBE_MS));
          return sendJson(call.reply, deploymentView(deployment, { described, problem: null }));
        } catch (error) {
          return sendJson(call.reply, deploymentView(deployment, { described: null, problem: messageOf(error) }));
        }
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/settings/',
      summary: 'The settings of a deployment.',
      replies: { 200: 'The settings.', 404: 'There is no such deployment.' },
      handle: async (call) => {
        const deployment = deploymentOf(call);
        const tracked = await service.monitoring.settings(deployment.id);
        return sendJson(call.reply, deploymentSettingsView(deployment, tracked));
      },
    }),
    apiRoute({
      method: 'PATCH',
      path: '/deployments/:id/settings/',
      role: 'admin',
      summary: 'Changes which drift is tracked. All else stands in the configuration.',
      body: settingsBody,
      replies: {
        202: 'It is changed; Location is a status address.',
        403: 'The token is not one of an admin.',
        422: 'It cannot be changed here.',
      },
      handle: async (call) => {
        const deployment = deploymentOf(call);
        const change = changeOf(deployment, call.body, await service.monitoring.settings(deployment.id));
        await service.monitoring.changeSettings(deployment.id, change);
        return sendDone(call, { what: 'deployment', id: deployment.id });
      },
    }),
    apiRoute({
      method: 'PATCH',
      path: '/deployments/:id/model/',
      role: 'admin',
      summary: 'Has sluice model-server serve another model. Jobs that are made already keep theirs.',
      body: modelBody,
      replies: {
        202: 'It serves it from now on; Location is a status address.',
        403: 'The token is not one of an admin.',
        422: 'It is another server, or does not take the model.',
      },
      handle: async (call) => {
        const deployment = deploymentOf(call);
        const { modelId, reason } = call.body;
        const model = await replaceModel(deployment, modelId, AbortSignal.timeout(60_000));
        const why = reason === undefined ? '' : ` (${reason.replaceAll(/\s+/g, ' ')})`;
        log(
          `the deployment ${deployment.id} has the model ${model} from now on, by ${call.caller.user.username}${why}`,
        );
        return sendDone(call, { what: 'deployment', id: deployment.id }, { modelId: model });
      },
    }),
  ];
}

function page<T>(
  call: ApiCall<never, z.output<typeof pageQuery>>,
  all: readonly T[],
  view: (one: T) => object,
): object {
  const { offset, limit } = call.query;
  return pageView(call, { offset, limit, total: all.length }, all.slice(offset, offset + limit).map(view));
}

/** Null for one that lacks a variable or a file: only a job that uses it needs it. */
function readable({ configuration }: JobService, id: string): Deployment | null {
  try {
    return configuration.deployment(id);
  } catch {
    return null;
  }
}

/** Throws REQUEST_INVALID (422) for what cannot be changed here; what is left as it is, is taken. */
function changeOf(
  deployment: Deployment,
  body: z.output<typeof settingsBody>,
  now: DriftSettings,
): Partial<DriftSettings> {
  const current = deploymentSettingsView(deployment, now);
  const change: Partial<Record<keyof DriftSettings, boolean>> = {};
  for (const [name, given] of Object.entries(body)) {
    const field = CHANGEABLE.find((one) => one === name);
    if (field !== undefined) {
      const { enabled } = given as { readonly enabled: boolean };
      if (enabled && deployment.baseline === null)
        throw refused(
          `${name}: the deployment has no baseline: make one by sluice baseline, and name it in the configuration`,
        );
      change[field] = enabled;
      continue;
    }
    for (const [part, value] of Object.entries(given as object) as [string, Json | undefined][]) {
      if (value === undefined || canonicalJson(value) === canonicalJson((current[name]?.[part] ?? null) as Json))
        continue;
      throw refused(`${name}.${part}: ${FIXED[name] ?? 'is not served here'}`);
    }
  }
  return change;
}

const FIXED: Readonly<Record<string, string>> = {
  associationId: 'stands in the configuration of the server (deployments.ID.associationId), and is always required',
  predictionsDataCollection: 'stands in the configuration of the server (deployments.ID.accuracy)',
  predictionWarning: 'is a setting of the prediction server',
};
