import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { findSluiceError, SluiceError } from '../core/error.ts';
import { floatText } from '../core/float-text.ts';
import { readCsvRows } from './csv-rows.ts';
import type { Deployment } from './deployment.ts';
import type { DeploymentRoutes } from './deployment-routes.ts';
import { sendJson } from './error-reply.ts';
import { type InputRows, invalidRequest, type ReadPlan } from './input-rows.ts';
import { type JsonRow, objectRows } from './json-rows.ts';
import { type Prediction, predict } from './prediction.ts';
import { PLAIN_QUERY } from './prediction-query.ts';
import { readBody } from './request-body.ts';

const ROOT = '/mlflow/:id';

/**
 * What `mlflow models serve` has, for each deployment under `/mlflow/{id}`: `/ping`, `/version` and `/invocations` with CSV, `dataframe_split`
 * or `dataframe_records`. A row that cannot be scored spoils its request, as with MLflow: 400, here with its number in `row`.
 * Source: MLflow's documentation of the scoring server, and its replies (3.17.2).
 */
export function addMlflowRoutes(app: FastifyInstance, routes: DeploymentRoutes): void {
  type ById = { Params: { id: string } };
  app.get<ById>(`${ROOT}/ping`, async (request, reply) => {
    routes.find(request.params.id);
    return reply.type('application/json').send(Buffer.from('\n'));
  });
  app.get<ById>(`${ROOT}/version`, async (request, reply) =>
    reply.type('text/plain').send(Buffer.from(routes.find(request.params.id).current.id)),
  );
  app.post<ById>(`${ROOT}/invocations`, async (request, reply) => {
    const deployment = routes.find(request.params.id);
    try {
      return await routes.gate.through(() => answer(deployment, routes.maxBodyBytes, request, reply));
    } catch (error) {
      const refusal = findSluiceError(error);
      if (refusal?.status !== 422) throw error;
      const { message, row } = refusal;
      const blamed = row === undefined ? {} : { row };
      return sendJson(reply.code(400), { error_code: 'BAD_REQUEST', message, ...blamed });
    }
  });
}

async function answer(
  deployment: Deployment,
  maxBodyBytes: number,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const model = deployment.current;
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'text/csv' && type !== 'application/json')
    throw new SluiceError('REQUEST_INVALID', 'Send rows with the content type text/csv or application/json.', {
      status: 415,
    });
  const body = await readBody(request.raw, maxBodyBytes);
  const plan: ReadPlan = {
    encoders: deployment.encoders,
    features: deployment.file.features.length,
    keep: () => [],
  };
  const rows: InputRows =
    type === 'text/csv' ? readCsvRows(body, plan) : objectRows(framed(body.toString('utf8')), plan);
  const prediction = await predict(deployment, model, PLAIN_QUERY, rows, gone.signal);
  const [failed] = prediction.failures;
  if (failed !== undefined) throw invalidRequest(failed[1], failed[0]);
  return reply.type('application/json').send(Buffer.from(`{"predictions":[${predictionTexts(prediction).join(',')}]}`));
}

/** The rows of `dataframe_split` or `dataframe_records`. */
function framed(body: string): readonly JsonRow[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw invalidRequest('The body is not JSON.');
  }
  const { dataframe_split: split, dataframe_records: records } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const rows = split === undefined ? records : splitRows(split);
  if (!Array.isArray(rows) || rows.length === 0)
    throw invalidRequest('The body has no rows in dataframe_split or dataframe_records.');
  for (const [i, row] of rows.entries())
    if (typeof row !== 'object' || row === null || Array.isArray(row)) throw invalidRequest('it is not an object.', i);
  return rows as readonly JsonRow[];
}

function splitRows(split: unknown): unknown {
  const { columns, data } = (split ?? {}) as { readonly columns?: unknown; readonly data?: unknown };
  if (!Array.isArray(columns) || !Array.isArray(data))
    throw invalidRequest('dataframe_split has no lists "columns" and "data".');
  return data.map((cells: unknown, row) => {
    if (!Array.isArray(cells) || cells.length !== columns.length)
      throw invalidRequest(`it has not the ${columns.length} cells of dataframe_split.columns.`, row);
    return Object.fromEntries(columns.map((name, i) => [String(name), cells[i]]));
  });
}

/** A number per row, or an object of class to probability. */
function predictionTexts({ deployment, rows, values, outputs }: Prediction): readonly string[] {
  const { kind, classes } = deployment.file;
  const names = classes.map((label) => JSON.stringify(label));
  return Array.from({ length: rows.count }, (_, row) => {
    if (kind === 'regression') return floatText(values[row]!);
    if (kind === 'binary')
      return `{${names[0]}:${floatText(values[row]!)},${names[1]}:${floatText(Math.fround(1 - values[row]!))}}`;
    return `{${deployment.outputOrder.map((i) => `${names[i]}:${floatText(values[row * outputs + i]!)}`).join(',')}}`;
  });
}
