import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { SluiceError } from '../core/error.ts';
import type { JobService } from '../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, checked } from './api-route.ts';
import { sendError, sendJson } from './json-reply.ts';
import type { LiveFeed } from './live/live-feed.ts';
import { openApiDocument } from './openapi.ts';
import { batchPredictionRoutes } from './routes/batch-predictions.ts';
import { csvUploadRoutes } from './routes/csv-upload.ts';
import { downloadRoute } from './routes/download.ts';
import { fromExistingRoute } from './routes/from-existing.ts';
import { liveRoutes } from './routes/live.ts';
import { addPage } from './routes/page.ts';
import { versionRoute } from './routes/version.ts';
import type { Access } from './security/access.ts';

/** All routes of the API are behind it. */
const ROOT = '/api/v2';
/** Longer than clients wait between two looks at a job: none must meet a connection that is just being closed. */
const KEEP_ALIVE_MS = 72_000;

export interface AppOptions {
  readonly service: JobService;
  readonly access: Access;
  readonly feed: LiveFeed;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Routes beside those of jobs. */
  readonly routes?: readonly ApiRoute[];
}

/** The API as a fastify app that listens nowhere yet. */
export function createApp({ service, access, feed, now, log, routes: more = [] }: AppOptions): FastifyInstance {
  const { bodyBytes } = service.settings.limits;
  const app = fastify({
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 },
    exposeHeadRoutes: false,
    bodyLimit: bodyBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, text, done) => {
    try {
      done(null, text.length === 0 ? undefined : JSON.parse(text.toString('utf8')));
    } catch {
      done(new SluiceError('REQUEST_INVALID', 'The body is not JSON.', { status: 400 }), undefined);
    }
  });
  // All else is left to the routes that want it.
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  // A connection that is kept alive would hold up the end of the server until its client lets go.
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
    // The streams of open pages would never end by themselves.
    await feed.close();
  });
  app.addHook('onSend', async (_, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.setErrorHandler((error, _, reply) => sendError(reply, error, log));
  app.setNotFoundHandler((request, reply) =>
    sendJson(reply.code(404), { message: `There is nothing at ${request.method} ${request.url.slice(0, 200)}.` }),
  );
  const routes = [
    versionRoute,
    ...batchPredictionRoutes(service, now),
    fromExistingRoute(service),
    ...csvUploadRoutes(service),
    downloadRoute(service),
    ...liveRoutes(service, feed),
    ...more,
  ];
  for (const route of routes) addRoute(app, route, access);
  addPage(app);
  app.get('/openapi.json', async (request, reply) => sendJson(reply, openApiDocument(routes, baseOf(request))));
  return app;
}

/** Adds a route with its checks: who asks, then what. */
function addRoute(app: FastifyInstance, route: ApiRoute, access: Access): void {
  app.route({
    method: route.method,
    url: `${ROOT}${route.path}`,
    // Before the body is read: nobody unknown may send one.
    onRequest: async (request) => {
      if (route.isOpen !== true) callers.set(request, await access.caller(request.headers.authorization));
    },
    handler: async (request, reply) => {
      const caller = callers.get(request) ?? (await access.caller(request.headers.authorization));
      const call: ApiCall = {
        caller,
        params: request.params as Readonly<Record<string, string>>,
        query: route.query === undefined ? undefined : checked(route.query, { ...(request.query as object) }, 'query'),
        body: route.body === undefined ? request.body : bodyOf(route, request),
        base: baseOf(request),
        request,
        reply,
      };
      return await route.handle(call);
    },
  });
}

const callers = new WeakMap<FastifyRequest, ApiCall['caller']>();

/** What was sent, where the route keeps it as it came, or what the schema makes of it. */
function bodyOf(route: ApiRoute, request: FastifyRequest): unknown {
  const filled = checked(route.body!, request.body, 'body');
  return route.keepsBody === true ? request.body : filled;
}

/** The address by which the client reached us, as far as it says so. */
function baseOf(request: FastifyRequest): string {
  const host = request.host || `${request.socket.localAddress ?? '127.0.0.1'}:${request.socket.localPort ?? 0}`;
  return `${request.protocol}://${host}${ROOT}`;
}
