import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, systemClock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import { checkPassthrough, csvReply } from './csv-reply.ts';
import { readCsvRows } from './csv-rows.ts';
import type { Deployment, LoadedModel } from './deployment.ts';
import { type InputRows, invalidRequest, type ReadPlan } from './input-rows.ts';
import { jsonReply } from './json-reply.ts';
import { readJsonRows } from './json-rows.ts';
import { predict } from './prediction.ts';
import { type PredictionQuery, parsePredictionQuery } from './prediction-query.ts';
import { replyFormat } from './reply-format.ts';
import { readBody } from './request-body.ts';
import type { RequestGate } from './request-gate.ts';

export interface PredictionLimits {
  /** Bytes of a body, also unpacked. */
  readonly maxBodyBytes: number;
  readonly gate: RequestGate;
}

/** `POST .../deployments/{id}/predictions`: reads the rows of a request, scores them and writes the reply. */
export class PredictionRoute {
  readonly #limits: PredictionLimits;
  readonly #clock: Clock;

  constructor(limits: PredictionLimits, clock: Clock = systemClock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Called when the headers of a request are there: the model is fixed then, and the request counts from then on. */
  handle(deployment: Deployment, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    return this.#limits.gate.through(() => this.#answer(deployment, request, reply));
  }

  async #answer(deployment: Deployment, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const start = this.#clock.now();
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const model = modelFor(deployment, request.headers['x-sluice-model-id']);
    reply.header('x-datarobot-model-id', model.id);
    const query = parsePredictionQuery(new URL(request.url, 'http://server').searchParams, deployment.encoders.length);
    const format = replyFormat(request.headers.accept);
    const mediaType = rowsMediaType(request.headers['content-type']);
    const body = await readBody(request.raw, this.#limits.maxBodyBytes);

    let passthrough: readonly number[] = [];
    const plan: ReadPlan = {
      encoders: deployment.encoders,
      features: deployment.file.features.length,
      keep(columns) {
        passthrough = passthroughIndexes(columns, deployment, query);
        const explained = deployment.encoders.map(({ column }) => columns.indexOf(column));
        return query.maxExplanations === 0 ? passthrough : [...new Set([...passthrough, ...explained])];
      },
    };
    const rows: InputRows = mediaType === 'json' ? readJsonRows(body.toString('utf8'), plan) : readCsvRows(body, plan);
    const prediction = await predict(deployment, model, query, rows, gone.signal);
    const payload = format === 'csv' ? csvReply(prediction, passthrough) : jsonReply(prediction, passthrough);
    reply.header('x-datarobot-execution-time', (this.#clock.now() - start).toFixed(1));
    return reply.type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json').send(payload);
  }
}

/** The model that a request asks for in X-Sluice-Model-Id, or the current one. */
function modelFor(deployment: Deployment, wanted: string | string[] | undefined): LoadedModel {
  if (wanted === undefined) return deployment.current;
  const model = typeof wanted === 'string' ? deployment.model(wanted) : undefined;
  if (model !== undefined) return model;
  const { id } = deployment.current;
  const problem = `The deployment ${deployment.file.id} has not had the model that was asked for since the server's start; it has ${id} now.`;
  throw new SluiceError('MODEL_CHANGED', problem, { status: 409 });
}

function rowsMediaType(contentType: string | undefined): 'json' | 'csv' {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type === 'application/json') return 'json';
  if (type === 'text/csv' || type === 'text/plain') return 'csv';
  throw new SluiceError('REQUEST_INVALID', 'Send rows with the content type text/csv or application/json.', {
    status: 415,
  });
}

function passthroughIndexes(
  columns: readonly string[],
  deployment: Deployment,
  query: PredictionQuery,
): readonly number[] {
  const names = query.passthrough === 'all' ? columns : query.passthrough;
  checkPassthrough(names, deployment, query);
  const places = new Map(columns.map((name, i) => [name, i]));
  return names.map((name) => {
    const index = places.get(name);
    if (index === undefined) throw invalidRequest(`The passthrough column "${name}" is not in the request.`);
    return index;
  });
}
