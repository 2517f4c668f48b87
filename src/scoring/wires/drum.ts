import { encodeRecord } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { columnNames } from '../../core/schema.ts';
import type { DeploymentDescription } from '../../core/scorer.ts';
import { allFailed } from '../merge-scores.ts';
import { httpFault } from './http-fault.ts';
import { readListedReply } from './listed-reply.ts';
import { PredictionTable } from './prediction-table.ts';
import { jsonOf } from './reply-text.ts';
import { plainBody } from './row-witness.ts';
import type { Exchange, Wire, WireReply } from './wire.ts';
import { tableOptions, type WireOptions } from './wire-options.ts';
import { basePath } from './wire-path.ts';

const kinds = ['regression', 'binary', 'multiclass', 'anomaly'] as const;
const headers = ['content-type', 'text/csv;charset=utf-8', 'accept', 'application/json'] as const;

/**
 * DRUM, the server of DataRobot's custom models: raw CSV to `/predict/`, a list of numbers or of class to probability back. It answers
 * 500 for a bad row, and has no row ids: the number of rows is checked. Measured with datarobot-drum 1.18.1.
 */
export function createDrumWire(options: WireOptions): Wire {
  const { clock } = options;
  const base = basePath(options.server);
  const tables = tableOptions(options);
  const { target } = tables;
  const reply = { target, steps: ['predictions'], table: new PredictionTable(tables) };
  let description: DeploymentDescription = {};

  const ask = async (exchange: Exchange, route: string): Promise<WireReply> => {
    const answer = await exchange({ method: 'GET', path: `${base}${route}`, headers: [], body: null });
    if (answer.status !== 200) throw httpFault(target, answer, clock);
    return answer;
  };

  return {
    target,
    describe: async (exchange) => {
      description = descriptionOf(target, jsonOf(await ask(exchange, '/info/')) ?? {});
      assertTakesCsv(target, jsonOf(await ask(exchange, '/capabilities/')) ?? {});
      return description;
    },
    request: (batch) => ({
      method: 'POST',
      path: `${base}/predict/`,
      headers,
      ...plainBody(encodeRecord(columnNames(batch.schema)), batch),
    }),
    read: (batch, { body }) => {
      const table = readListedReply(reply, body, batch.rows, description);
      if (table.failures.length === batch.rows) return allFailed(table.failures);
      return { rows: batch.rows, ...table, model: description.model ?? null };
    },
    fault: (batch, answer) => httpFault(target, answer, clock, { batch }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

/** What `/info/` says: the kind of the target, the classes given at the start, and the metadata file of the model, if it has one. */
function descriptionOf(target: string, info: Fields): DeploymentDescription {
  const { targetType, drumVersion, positiveClassLabel, negativeClassLabel, classLabels } = info;
  const metadata = fieldsOf(info['modelMetadata']);
  const inference = fieldsOf(metadata['inferenceModel']);
  const kind = kinds.find((known) => known === targetType);
  if (kind === undefined && typeof targetType === 'string')
    throw new SluiceError(
      'CONFIG_INVALID',
      `The model of ${target} has the target type ${targetType}; the drum wire reads ${kinds.join(', ')}.`,
    );
  const classes =
    kind === 'binary' ? [positiveClassLabel, negativeClassLabel] : Array.isArray(classLabels) ? classLabels : [];
  const id = metadata['modelID'] ?? metadata['name'];
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(typeof inference['targetName'] === 'string' ? { target: inference['targetName'] } : {}),
    ...(classes.length > 0 && classes.every((label) => typeof label === 'string') ? { classes } : {}),
    ...(typeof id === 'string' && id !== '' ? { model: { id } } : {}),
    software: typeof drumVersion === 'string' ? `DRUM ${drumVersion}` : 'DRUM',
  };
}

function assertTakesCsv(target: string, capabilities: Fields): void {
  const formats = Object.keys(fieldsOf(capabilities['supported_payload_formats']));
  if (formats.length === 0 || formats.includes('csv')) return;
  throw new SluiceError('CONFIG_INVALID', `The model of ${target} takes ${formats.join(', ')} and not CSV.`);
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
