import { randomUUID } from 'node:crypto';
import { type FastifyInstance, fastify } from 'fastify';
import { SluiceError } from '../core/error.ts';
import { Access } from './access.ts';
import type { Deployment, DeploymentInfo } from './deployment.ts';
import { sendError, sendJson } from './error-reply.ts';
import { JsonNode } from './json-node.ts';
import { addMlflowRoutes } from './mlflow-routes.ts';
import { ModelFolder } from './model-folder.ts';
import { addOipRoutes } from './oip-routes.ts';
import { PredictionRoute } from './prediction-route.ts';
import { readBody } from './request-body.ts';
import { RequestGate } from './request-gate.ts';

export interface ModelServerOptions {
  /** Folder with `<id>.deployment.json` files and the models that they name. */
  readonly models: string;
  /** Address to listen on; this machine only by default. */
  readonly host?: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** Tokens that requests must have one of; without any, everybody may ask. */
  readonly tokens?: readonly string[];
  /** Largest body of a request, also unpacked, in bytes; 52,428,800 by default, as DataRobot has it. */
  readonly maxBodyBytes?: number;
  /** Prediction requests at the same time; more are refused with 429. Unlimited by default. */
  readonly maxInFlight?: number;
  /** Called with a line for people when a model was replaced and when a request failed by a fault of the server. */
  readonly log?: (line: string) => void;
}

/** A prediction server that runs. */
export interface ModelServer extends AsyncDisposable {
  /** Base address, without a slash at its end. */
  readonly url: string;
  deployments(): readonly DeploymentInfo[];
  /**
   * Serves another model file of the folder under a deployment. Requests under way end with the model they began with;
   * the replaced one stays addressable by its id. Throws MODEL_INVALID, and DEPLOYMENT_UNKNOWN.
   */
  replaceModel(deploymentId: string, file: string): Promise<DeploymentInfo>;
  /** Takes no new requests, ends those under way, and stops. */
  close(): Promise<void>;
}

const MAX_BODY_BYTES = 52_428_800;
const ROOT = '/predApi/v1.0';
/** Need no token: they say only that the server is there. */
const OPEN_ROUTES = new Set([`${ROOT}/ping`, '/v2/health/live', '/v2/health/ready']);

/**
 * Loads the models of a folder and serves them with DataRobot's Prediction API, the Open Inference Protocol and MLflow's `/invocations`.
 * Throws MODEL_INVALID for what it cannot load.
 */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const folder = new ModelFolder(options.models);
  const loaded = await folder.deployments();
  const deployments: ReadonlyMap<string, Deployment> = new Map(
    loaded.map((deployment) => [deployment.file.id, deployment]),
  );
  const log = options.log ?? ((): void => undefined);
  const find = (id: string): Deployment => {
    const deployment = deployments.get(id);
    if (deployment !== undefined) return deployment;
    const known = [...deployments.keys()].join(', ');
    throw new SluiceError('DEPLOYMENT_UNKNOWN', `There is no deployment ${id.slice(0, 100)}; there are ${known}.`, {
      status: 404,
    });
  };
  const replaceModel = async (id: string, file: string): Promise<DeploymentInfo> => {
    const deployment = find(id);
    deployment.replace(await folder.model(deployment.file, file));
    log(`${id}: the model is ${file}, ${deployment.current.id}, from now on`);
    return deployment.info();
  };

  const app = newApp(options, log);
  const maxBodyBytes = options.maxBodyBytes ?? MAX_BODY_BYTES;
  const gate = new RequestGate(options.maxInFlight ?? Number.POSITIVE_INFINITY);
  const predictions = new PredictionRoute({ maxBodyBytes, gate });
  type ById = { Params: { id: string } };
  app.get(`${ROOT}/ping`, async (_, reply) => sendJson(reply, { response: 'pong' }));
  app.get(`${ROOT}/deployments`, async (_, reply) =>
    sendJson(reply, { data: loaded.map((deployment) => deployment.info()) }),
  );
  app.get<ById>(`${ROOT}/deployments/:id/info`, async (request, reply) =>
    sendJson(reply, find(request.params.id).info()),
  );
  app.post<ById>(`${ROOT}/deployments/:id/predictions`, async (request, reply) =>
    predictions.handle(find(request.params.id), request, reply),
  );
  app.patch<ById>(`${ROOT}/deployments/:id/model`, async (request, reply) => {
    find(request.params.id);
    const body = JsonNode.parse((await readBody(request.raw, maxBodyBytes)).toString('utf8'), 'The body');
    body.only(['file']);
    await replaceModel(request.params.id, body.at('file').text());
    return sendJson(reply, find(request.params.id).info());
  });

  addOipRoutes(app, { find, maxBodyBytes, gate });
  addMlflowRoutes(app, { find, maxBodyBytes, gate });

  const url = await app.listen({ host: options.host ?? '127.0.0.1', port: options.port });
  return {
    url,
    deployments: () => loaded.map((deployment) => deployment.info()),
    replaceModel,
    close: () => app.close(),
    [Symbol.asyncDispose]: () => app.close(),
  };
}

/** An app that answers every error in one form, checks tokens, and leaves bodies to the routes. */
function newApp(options: ModelServerOptions, log: (line: string) => void): FastifyInstance {
  const app = fastify({ routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1000 } });
  const access = new Access(options.tokens ?? []);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  // A connection that is kept alive would hold up the end of the server until its client lets go.
  let closing = false;
  app.addHook('preClose', async () => {
    closing = true;
  });
  app.addHook('onSend', async (_, reply) => {
    if (closing) reply.header('connection', 'close');
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-datarobot-request-id', randomUUID());
    if (!OPEN_ROUTES.has(request.routeOptions.url ?? '')) access.check(request.headers.authorization);
  });
  app.setErrorHandler((error, _, reply) => sendError(reply, error, log));
  app.setNotFoundHandler((request, reply) =>
    sendJson(reply.code(404), { message: `There is nothing at ${request.method} ${request.url.slice(0, 200)}.` }),
  );
  return app;
}
