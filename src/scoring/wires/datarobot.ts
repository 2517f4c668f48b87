import { encodeRecord } from '../../core/canonical-csv.ts';
import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { DeploymentDescription, Scores } from '../../core/scorer.ts';
import { allFailed } from '../merge-scores.ts';
import type { ModelPin } from '../model-pin.ts';
import { CsvTableReader } from './csv-table.ts';
import { readDescription } from './datarobot-description.ts';
import { httpFault } from './http-fault.ts';
import { JsonTableReader } from './json-table.ts';
import { assertInputs } from './model-inputs.ts';
import { headerOf } from './reply-text.ts';
import { numberedBody, plainBody, witnessName } from './row-witness.ts';
import type { Exchange, ScoringSettings, Wire, WireReply, WireRequest } from './wire.ts';
import { basePath, targetOf } from './wire-path.ts';

export interface DatarobotOptions {
  /** Base URL; with or without `/predApi/v1.0` at its end. */
  readonly server: string;
  readonly deploymentId: string;
  readonly settings: ScoringSettings;
  readonly clock: Clock;
  /** Read for every request: the model to ask for, on servers that keep several. */
  readonly pin: ModelPin;
  /** Default `csv`, which is read several times faster. */
  readonly reply?: 'csv' | 'json';
  /** The target's name; needed for JSON replies of servers that do not describe their deployments. */
  readonly targetName?: string;
  /** False for servers that refuse passthroughColumns: then CSV replies are checked by their count only. Default true. */
  readonly rowWitness?: boolean;
}

/** What every request for rows of one schema has in common. */
interface Outline {
  readonly schema: Schema;
  readonly witness: string | null;
  readonly header: string;
  readonly path: string;
}

/**
 * The DataRobot Prediction API: CSV in, CSV or JSON out. A CSV reply has no row ids, so a column that numbers the rows
 * goes along and is asked back; a JSON reply has `rowId`.
 */
export function createDatarobotWire(options: DatarobotOptions): Wire {
  const { settings, deploymentId, pin, clock } = options;
  const json = options.reply === 'json';
  const base = `${apiPath(options.server)}/deployments/${encodeURIComponent(deploymentId)}`;
  const target = targetOf(options.server, deploymentId);
  const csvReader = new CsvTableReader(target);
  const { maxExplanations, thresholdHigh, thresholdLow } = settings;
  const explainsAll = thresholdHigh === null && thresholdLow === null;
  const jsonReader = new JsonTableReader({
    target,
    maxExplanations,
    explainsAll,
    asksShap: settings.explanationAlgorithm === 'shap' && maxExplanations > 0,
    ...(options.targetName === undefined ? {} : { targetName: options.targetName }),
  });
  const query = queryOf(settings);
  const plainHeaders = [
    'content-type',
    'text/csv;charset=utf-8',
    'accept',
    json ? 'application/json' : 'text/csv',
  ] as const;
  let description: DeploymentDescription = {};
  let addressable = false;
  let outline: Outline | null = null;

  const outlineOf = (batch: RowBatch): Outline => {
    const { schema } = batch;
    if (outline?.schema === schema) return outline;
    assertInputs(target, description.inputs ?? [], batch);
    const names = columnNames(schema);
    const witness = json || options.rowWitness === false ? null : witnessName(names);
    const parameters = witness === null ? query : [...query, `passthroughColumns=${witness}`];
    outline = {
      schema,
      witness,
      header: encodeRecord(witness === null ? names : [...names, witness]),
      path: `${base}/predictions${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`,
    };
    return outline;
  };

  const request = (batch: RowBatch): WireRequest => {
    const { witness, header, path } = outlineOf(batch);
    const model = addressable ? pin.model : null;
    return {
      method: 'POST',
      path,
      headers: model === null ? plainHeaders : [...plainHeaders, 'x-sluice-model-id', model.id],
      ...(witness === null ? plainBody(header, batch) : numberedBody(header, batch)),
    };
  };

  const read = (batch: RowBatch, reply: WireReply): Scores => {
    const table = json
      ? jsonReader.read(reply.body, batch.rows, description)
      : csvReader.read(reply.body, batch.rows, outlineOf(batch).witness);
    const model = modelOf(reply);
    if (table.failures.length === batch.rows) return { ...allFailed(table.failures), model };
    return { rows: batch.rows, ...table, model };
  };

  return {
    target,
    describe: async (exchange: Exchange) => {
      const reply = await exchange({ method: 'GET', path: `${base}/info`, headers: [], body: null });
      const found = readDescription(target, reply, clock);
      description = found.description;
      addressable = found.addressable;
      return description;
    },
    request,
    read,
    fault: (batch, reply) =>
      reply.status === 409 && addressable && pin.model !== null
        ? new SluiceError(
            'MODEL_CHANGED',
            `The prediction server (${target}) no longer has model ${pin.model.id}, which this job is scored with. ` +
              'Restore that model, or start anew with --overwrite.',
            { status: 409 },
          )
        : httpFault(target, reply, clock, { batch }),
  };
}

function modelOf(reply: WireReply): ModelIdentity | null {
  const id = headerOf(reply, 'x-datarobot-model-id');
  return id === undefined || id === '' ? null : { id };
}

/** The path of the API on a server, whether its address was given with it or without. */
function apiPath(server: string): string {
  const path = basePath(server);
  return path.endsWith('/predApi/v1.0') ? path : `${path}/predApi/v1.0`;
}

function queryOf(settings: ScoringSettings): readonly string[] {
  const query = new URLSearchParams();
  const add = (name: string, value: string | number | null): void => {
    if (value !== null) query.append(name, String(value));
  };
  if (settings.maxExplanations > 0) {
    add('maxExplanations', settings.maxExplanations);
    add('thresholdHigh', settings.thresholdHigh);
    add('thresholdLow', settings.thresholdLow);
    add('explanationAlgorithm', settings.explanationAlgorithm);
  }
  if (settings.predictionWarningEnabled) add('predictionWarningEnabled', 'true');
  add('predictionThreshold', settings.predictionThreshold);
  add('decimalsNumber', settings.decimals);
  return query.size === 0 ? [] : [query.toString()];
}
