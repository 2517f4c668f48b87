import { ByteWriter } from '../../core/byte-writer.ts';
import { SluiceError } from '../../core/error.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames } from '../../core/schema.ts';
import type { DeploymentDescription } from '../../core/scorer.ts';
import { allFailed } from '../merge-scores.ts';
import { openingOf } from './echo.ts';
import { httpFault } from './http-fault.ts';
import { parsed, valueEnd, visitValue } from './json-bytes.ts';
import { readItems } from './json-items.ts';
import { pointerSteps, valueAtSteps } from './json-pointer.ts';
import { type RowsAs, writeRowsJson } from './json-rows-body.ts';
import { type JsonTemplate, jsonTemplate, type TemplateSettings } from './json-template.ts';
import { readJson } from './listed-reply.ts';
import { readList } from './outcome-list.ts';
import { PredictionTable } from './prediction-table.ts';
import { replyMismatch } from './reply-mismatch.ts';
import type { RowOutcomes } from './row-outcomes.ts';
import type { Wire, WireRequest } from './wire.ts';
import { tableOptions, type WireOptions } from './wire-options.ts';
import { basePath } from './wire-path.ts';

/** Where things are in the requests and replies of a server; all but `path` and `health` are JSON pointers (RFC 6901). */
export interface JsonWireSettings extends TemplateSettings {
  /** Route that takes rows; it goes behind the path of the server's address. */
  readonly path: string;
  readonly rowsAs: RowsAs;
  /** Columns that are text though they look like numbers. */
  readonly textColumns: readonly string[];
  /** The list with one item per row in a reply. */
  readonly predictions: string;
  /** Within an item: its number, label or probabilities. Null: the item itself. */
  readonly value: string | null;
  /** Within an item: why the row could not be scored; null, missing or empty for one that was. */
  readonly error: string | null;
  /** In a reply: which model answered. */
  readonly model: string | null;
  /** Route that answers 200 when the server works. Null: none is asked. */
  readonly health: string | null;
}

/** As the servers of TensorFlow, KServe (v1) and Vertex AI have it: `{"instances": […]}` and `{"predictions": […]}`. */
export const JSON_DEFAULTS: JsonWireSettings = {
  path: '/predict',
  request: {},
  rows: '/instances',
  columns: null,
  rowsAs: 'objects',
  textColumns: [],
  predictions: '/predictions',
  value: null,
  error: null,
  model: null,
  health: null,
};

const headers = ['content-type', 'application/json', 'accept', 'application/json'] as const;

/** Any server that takes rows in JSON and answers with JSON, as two pointers and a template describe it. */
export function createJsonWire(options: WireOptions & { readonly json: JsonWireSettings }): Wire {
  const { clock, json } = options;
  const base = basePath(options.server);
  const tables = tableOptions(options);
  const { target } = tables;
  const table = new PredictionTable(tables);
  const template = templateOf(json);
  const steps = {
    predictions: stepsOf('predictions', json.predictions),
    rows: stepsOf('rows', json.rows),
    value: json.value === null ? null : stepsOf('value', json.value),
    error: json.error === null ? null : stepsOf('error', json.error),
    model: json.model === null ? null : stepsOf('model', json.model),
  };
  const textColumns = new Set(json.textColumns);
  const description: DeploymentDescription = {};
  let opening = '';

  const request = (batch: RowBatch): WireRequest => {
    const out = new ByteWriter(3 * batch.bytes.length);
    for (const [i, piece] of template.pieces.entries()) {
      out.text(piece);
      const slot = template.slots[i];
      if (slot === 'rows') writeRowsJson(out, batch, json.rowsAs, textColumns);
      else if (slot === 'columns') out.text(JSON.stringify(columnNames(batch.schema)));
    }
    opening = openingOf(out.written);
    return { method: 'POST', path: `${base}${json.path}`, headers, body: out.written };
  };

  const outcomesIn = (body: Uint8Array, rows: number): RowOutcomes => {
    const isPlain = steps.value === null && steps.error === null;
    const found: { outcomes?: RowOutcomes } = {};
    visitValue(body, steps.predictions, (at) => {
      const read = isPlain ? readList(target, body, at, rows) : readItems(target, body, at, rows, steps);
      found.outcomes = read.outcomes;
      return read.end;
    });
    if (found.outcomes !== undefined) return found.outcomes;
    throw replyMismatch(target, `has nothing at ${json.predictions === '' ? 'its root' : json.predictions}`);
  };

  return {
    target,
    describe: async (exchange) => {
      if (json.health === null) return description;
      const answer = await exchange({ method: 'GET', path: `${base}${json.health}`, headers: [], body: null });
      if (answer.status !== 200) throw httpFault(target, answer, clock);
      return description;
    },
    request,
    read: (batch, { body }) => {
      const outcomes = readJson(target, () => outcomesIn(body, batch.rows));
      const answered = table.read(outcomes, description);
      const model = steps.model === null ? null : modelIn(target, body, steps.model, json.model ?? '');
      if (answered.failures.length === batch.rows) return { ...allFailed(answered.failures), model };
      return { rows: batch.rows, ...answered, model };
    },
    fault: (batch, reply) =>
      httpFault(target, reply, clock, { batch, opening, rowIn: (fields) => blamedRow(fields, steps.rows) }),
  };
}

function templateOf(json: JsonWireSettings): JsonTemplate {
  const outcome = jsonTemplate(json);
  if ('template' in outcome) return outcome.template;
  throw new SluiceError('CONFIG_INVALID', `deployment.json.${outcome.field} ${outcome.problem}.`);
}

function stepsOf(field: string, pointer: string): readonly string[] {
  const steps = pointerSteps(pointer);
  if (steps !== null) return steps;
  throw new SluiceError('CONFIG_INVALID', `deployment.json.${field} is no JSON pointer: write it like /data/rows.`);
}

function modelIn(target: string, body: Uint8Array, steps: readonly string[], pointer: string): ModelIdentity {
  let id: unknown;
  visitValue(body, steps, (at) => {
    const end = valueEnd(body, at);
    id = parsed(body, at, end);
    return end;
  });
  if ((typeof id === 'string' && id !== '') || typeof id === 'number') return { id: String(id) };
  throw replyMismatch(target, `does not name its model at ${pointer}`);
}

/** FastAPI says where a request is wrong: `["body", "rows", 3, "x"]`, the pointer of the rows and the number of one of them. */
function blamedRow(fields: Readonly<Record<string, unknown>>, rows: readonly string[]): unknown {
  const { row, detail } = fields;
  if (row !== undefined || !Array.isArray(detail)) return row;
  const [first] = detail as readonly unknown[];
  const place = valueAtSteps(first, ['loc']);
  if (!Array.isArray(place)) return undefined;
  const steps = place.map(String);
  return steps[0] === 'body' && rows.every((step, i) => steps[i + 1] === step) ? place[rows.length + 1] : undefined;
}
