import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../core/error.ts';
import type { Deployment, LoadedModel } from './deployment.ts';
import type { DeploymentRoutes } from './deployment-routes.ts';
import { sendJson } from './error-reply.ts';
import { inferenceReply, outputTensor } from './oip-reply.ts';
import { inputTensor, readInference } from './oip-request.ts';
import { predict } from './prediction.ts';
import { PLAIN_QUERY } from './prediction-query.ts';
import { readBody } from './request-body.ts';

const LENGTH = 'inference-header-content-length';
const MODEL = '/v2/models/:id';

/**
 * The Open Inference Protocol v2 over REST: a model's name is its deployment's id, its version the id of its file. One input for each
 * column, one output; with the extension of binary tensors. Source: github.com/kserve/open-inference-protocol, and for binary tensors
 * Triton's "Binary Tensor Data Extension".
 */
export function addOipRoutes(app: FastifyInstance, routes: DeploymentRoutes): void {
  type ByVersion = { Params: { id: string; version?: string } };
  app.get('/v2', async (_, reply) =>
    sendJson(reply, { name: 'sluice', version: '2', extensions: ['binary_tensor_data'] }),
  );
  app.get('/v2/health/live', async (_, reply) => sendJson(reply, { live: true }));
  app.get('/v2/health/ready', async (_, reply) => sendJson(reply, { ready: true }));
  for (const path of [MODEL, `${MODEL}/versions/:version`]) {
    app.get<ByVersion>(path, async (request, reply) => {
      const deployment = routes.find(request.params.id);
      return sendJson(reply, metadataOf(deployment, modelOf(deployment, request.params.version)));
    });
    app.get<ByVersion>(`${path}/ready`, async (request, reply) => {
      const deployment = routes.find(request.params.id);
      return sendJson(reply, { name: modelOf(deployment, request.params.version).id, ready: true });
    });
    app.post<ByVersion>(`${path}/infer`, async (request, reply) => {
      const deployment = routes.find(request.params.id);
      const model = modelOf(deployment, request.params.version);
      return routes.gate.through(() => infer(deployment, model, routes.maxBodyBytes, request, reply));
    });
  }
}

function modelOf(deployment: Deployment, version: string | undefined): LoadedModel {
  const model = version === undefined ? deployment.current : deployment.model(version);
  if (model !== undefined) return model;
  const problem = `The model ${deployment.file.id} has not had this version since the server's start; it has ${deployment.current.id} now.`;
  throw new SluiceError('DEPLOYMENT_UNKNOWN', problem, { status: 404 });
}

function metadataOf(deployment: Deployment, model: LoadedModel): object {
  return {
    name: deployment.file.id,
    versions: [model.id],
    platform: model.file.endsWith('.onnx') ? 'onnx' : 'xgboost',
    inputs: deployment.encoders.map(inputTensor),
    outputs: [outputTensor(deployment)],
  };
}

async function infer(
  deployment: Deployment,
  model: LoadedModel,
  maxBodyBytes: number,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const length = request.headers[LENGTH];
  const body = await readBody(request.raw, maxBodyBytes, { binary: length !== undefined });
  const asked = readInference(body, length === undefined ? null : Number(length), deployment);
  const prediction = await predict(deployment, model, PLAIN_QUERY, asked.rows, gone.signal);
  const answer = inferenceReply(prediction, model, asked);
  if (answer.headerBytes === null) return reply.type('application/json').send(answer.body);
  return reply.header(LENGTH, answer.headerBytes).type('application/octet-stream').send(answer.body);
}
