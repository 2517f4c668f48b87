import type { Clock } from '../../core/clock.ts';
import { describeServer } from '../../jobs/describe-deployment.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import { type ApiRoute, apiRoute } from '../api-route.ts';
import { sendJson } from '../json-reply.ts';
import { knownDeployment } from '../known-deployment.ts';
import { featuresQuery } from '../schemas/monitoring-query.ts';
import { capabilitiesView } from '../views/capabilities-view.ts';
import { featuresView } from '../views/features-view.ts';
import { pageView } from '../views/page-view.ts';

const DESCRIBE_MS = 5_000;

/** What a deployment needs, and what it can do. */
export function abilityRoutes({ configuration }: JobService, clock: Clock): readonly ApiRoute[] {
  return [
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/features/',
      summary: 'The columns that predictions need: as the server says, else those of the baseline.',
      query: featuresQuery,
      replies: { 200: 'A page of features.', 404: 'There is no such deployment.', 422: 'A parameter is wrong.' },
      handle: async (call) => {
        const deployment = knownDeployment(configuration, call.params.id);
        const { offset, limit, search, orderBy } = call.query;
        // A server that does not answer, or has no words for it, leaves the baseline.
        const described = await describeServer(deployment, clock, AbortSignal.timeout(DESCRIBE_MS)).catch(() => null);
        const all = featuresView(deployment.baseline, described?.inputs ?? null);
        const wanted = search?.toLowerCase() ?? '';
        const found = all.filter(({ name }) => name.toLowerCase().includes(wanted));
        const sign = orderBy === 'name' ? 1 : -1;
        const sorted = orderBy === undefined ? found : found.toSorted((a, b) => (a.name < b.name ? -sign : sign));
        const place = { offset, limit, total: sorted.length };
        return sendJson(call.reply, pageView(call, place, sorted.slice(offset, offset + limit)));
      },
    }),
    apiRoute({
      method: 'GET',
      path: '/deployments/:id/capabilities/',
      summary: 'What can be had of a deployment, and why not.',
      replies: { 200: 'The capabilities.', 404: 'There is no such deployment.' },
      handle: async ({ params, reply }) =>
        sendJson(reply, { data: capabilitiesView(knownDeployment(configuration, params.id)) }),
    }),
  ];
}
