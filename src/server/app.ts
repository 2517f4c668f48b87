import { type FastifyInstance, type FastifyRequest, fastify } from 'fastify';
import { systemClock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import type { Caller } from '../jobs/queue/caller.ts';
import type { JobService } from '../jobs/queue/job-service.ts';
import { type ApiCall, type ApiRoute, checked } from './api-route.ts';
import { sendError, sendJson } from './json-reply.ts';
import type { LiveFeed } from './live/live-feed.ts';
import { openApiDocument } from './openapi.ts';
import { batchPredictionRoutes } from './routes/batch-predictions.ts';
import { credentialRoutes } from './routes/credentials.ts';
import { csvUploadRoutes } from './routes/csv-upload.ts';
import { dataStoreRoutes } from './routes/data-stores.ts';
import { downloadRoute } from './routes/download.ts';
import { fromExistingRoute } from './routes/from-existing.ts';
import { liveRoutes } from './routes/live.ts';
import { addPage } from './routes/page.ts';
import { versionRoute } from './routes/version.ts';
import type { Access } from './security/access.ts';
import { hasRole } from './security/access-token.ts';
import { limitConnections } from './security/connection-limits.ts';

/** All routes of the API are behind it. */
const ROOT = '/api/v2';
/** Longer than clients wait between two looks at a job: none must meet a connection that is just being closed. */
const KEEP_ALIVE_MS = 72_000;

export interface AppOptions {
  readonly service: JobService;
  readonly access: Access;
  /** Serves https by them; null: http. PEM. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly feed: LiveFeed;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly log: (line: string) => void;
  /** Routes beside those of jobs. */
  readonly routes?: readonly ApiRoute[];
}

/** The API as a fastify app that listens nowhere yet. */
export function createApp({ service, access, tls, feed, now, log, routes: more = [] }: AppOptions): FastifyInstance {
  const { limits } = service.settings;
  const { bodyBytes } = limits;
  // How long a body may take is looked at by what reads it: an honest upload may take hours.
  const http = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: 1000 * limits.headerSeconds,
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(5_000, 250 * limits.headerSeconds),
  };
  const app: FastifyInstance = fastify({
    ...(tls === null
      ? { http }
      : { https: { ...http, ...tls, minVersion: 'TLSv1.2', handshakeTimeout: http.headersTimeout } }),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 500 },
    exposeHeadRoutes: false,
    trustProxy: service.settings.behindProxy,
    bodyLimit: bodyBytes,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
  });
  limitConnections(app.server, limits);
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
    // What is no page is never taken for one.
    reply.header('x-content-type-options', 'nosniff');
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
    ...credentialRoutes(service),
    ...dataStoreRoutes(service),
    ...liveRoutes(service, feed),
    ...more,
  ];
  for (const route of routes) addRoute(app, route, { access, log, bodyMs: 1000 * limits.bodySeconds });
  addPage(app);
  app.get('/openapi.json', async (request, reply) => sendJson(reply, openApiDocument(routes, baseOf(request))));
  return app;
}

interface RouteChecks extends Pick<AppOptions, 'access' | 'log'> {
  /** How long a body of JSON may take to come. */
  readonly bodyMs: number;
}

/** Adds a route with its checks: who asks, then what. */
function addRoute(app: FastifyInstance, route: ApiRoute, { access, log, bodyMs }: RouteChecks): void {
  const role = route.role ?? (route.method === 'GET' ? 'read' : 'run');
  const callerOf = async ({ headers }: FastifyRequest): Promise<Caller> => {
    const caller = await access.caller(headers);
    if (hasRole(caller, role)) return caller;
    throw new SluiceError('TOKEN_REFUSED', `This token may only ${caller.role}.`, { status: 403 });
  };
  app.route({
    method: route.method,
    url: `${ROOT}${route.path}`,
    // Before the body is read: nobody unknown may send one.
    onRequest: async (request, reply) => {
      callers.set(request, await callerOf(request));
      if (route.takes === undefined) endSlowBody(request, bodyMs, (error) => void sendError(reply, error, log));
    },
    handler: async (request, reply) => {
      const call: ApiCall<string> = {
        caller: callers.get(request)!,
        assertStill: async () => void (await callerOf(request)),
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

/** Whoever sends a body of JSON byte by byte gets an answer, and no more time. */
function endSlowBody({ raw }: FastifyRequest, bodyMs: number, end: (error: SluiceError) => void): void {
  if (raw.headers['content-length'] === undefined && raw.headers['transfer-encoding'] === undefined) return;
  const done = new AbortController();
  for (const event of ['end', 'close', 'error']) raw.once(event, () => done.abort());
  const late = (): void => end(new SluiceError('REQUEST_INVALID', 'The body took too long to come.', { status: 408 }));
  systemClock.sleep(bodyMs, done.signal).then(late, () => undefined);
}

const callers = new WeakMap<FastifyRequest, Caller>();

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
