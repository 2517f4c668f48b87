import { ByteWriter } from '../../core/byte-writer.ts';
import { encodeRecord } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';
import type { DeploymentDescription } from '../../core/scorer.ts';
import { allFailed } from '../merge-scores.ts';
import { openingOf } from './echo.ts';
import { httpFault } from './http-fault.ts';
import { writeRowsJson } from './json-rows-body.ts';
import { readListedReply } from './listed-reply.ts';
import { PredictionTable } from './prediction-table.ts';
import { cutText, jsonOf } from './reply-text.ts';
import { plainBody } from './row-witness.ts';
import type { Exchange, Wire, WireReply, WireRequest } from './wire.ts';
import { tableOptions, type WireOptions } from './wire-options.ts';
import { basePath } from './wire-path.ts';

export interface MlflowSettings {
  /** `csv` leaves the types of the columns to the server; `dataframe_split` sends numbers as numbers. */
  readonly request: 'csv' | 'dataframe_split';
  /** With `dataframe_split`: columns that are text though they look like numbers. */
  readonly textColumns: readonly string[];
}

export const MLFLOW_DEFAULTS: MlflowSettings = { request: 'csv', textColumns: [] };

const json = ['content-type', 'application/json', 'accept', 'application/json'] as const;
const csv = ['content-type', 'text/csv;charset=utf-8', 'accept', 'application/json'] as const;

/**
 * `mlflow models serve`: rows to `/invocations`, `{"predictions": […]}` back. It answers 400 for a bad row, and has no row ids: the
 * number of rows is checked. It does not say what it serves. Measured with MLflow 3.17.2.
 */
export function createMlflowWire(options: WireOptions & { readonly mlflow: MlflowSettings }): Wire {
  const { clock, mlflow } = options;
  const base = basePath(options.server);
  const tables = tableOptions(options);
  const { target } = tables;
  const reply = { target, steps: ['predictions'], table: new PredictionTable(tables) };
  const textColumns = new Set(mlflow.textColumns);
  let description: DeploymentDescription = {};
  let opening = '';

  const request = (batch: RowBatch): WireRequest => {
    const names = columnNames(batch.schema);
    const common = { method: 'POST', path: `${base}/invocations` } as const;
    if (mlflow.request === 'csv') return { ...common, headers: csv, ...plainBody(encodeRecord(names), batch) };
    const out = new ByteWriter(2 * batch.bytes.length);
    out.text(`{"dataframe_split":{"columns":${JSON.stringify(names)},"data":`);
    writeRowsJson(out, batch, 'lists', textColumns);
    out.ascii('}}');
    opening = openingOf(out.written);
    return { ...common, headers: json, body: out.written };
  };

  return {
    target,
    describe: async (exchange) => {
      await asked(exchange, '/ping');
      // Not there in other servers that have the rest of the routes.
      const { status, body } = await exchange({ method: 'GET', path: `${base}/version`, headers: [], body: null });
      const version = status === 200 ? cutText(Buffer.from(body).toString('utf8')) : '';
      description = { software: /^[\w.]{1,40}$/.test(version) ? `MLflow ${version}` : 'MLflow' };
      return description;
    },
    request,
    read: (batch, { body }) => {
      const table = readListedReply(reply, body, batch.rows, description);
      if (table.failures.length === batch.rows) return allFailed(table.failures);
      return { rows: batch.rows, ...table, model: null };
    },
    fault: (batch, answer) => lackingColumns(target, answer) ?? httpFault(target, answer, clock, { batch, opening }),
  };

  async function asked(exchange: Exchange, route: string): Promise<void> {
    const answer = await exchange({ method: 'GET', path: `${base}${route}`, headers: [], body: null });
    if (answer.status !== 200) throw httpFault(target, answer, clock);
  }
}

/** A column that the model's signature names and the rows do not have: no row can be scored. */
function lackingColumns(target: string, reply: WireReply): SluiceError | null {
  if (reply.status !== 400) return null;
  const { message, error_class: kind } = jsonOf(reply) ?? {};
  const said = typeof message === 'string' ? (/Model is missing inputs.*/.exec(message)?.[0] ?? null) : null;
  if (said === null || kind !== 'SCHEMA_ENFORCEMENT_FAILED') return null;
  return new SluiceError('MODEL_COLUMNS', `The rows do not fit the model of ${target}: ${cutText(said)}`, {
    status: 400,
  });
}
