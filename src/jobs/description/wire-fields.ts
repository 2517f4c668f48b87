import * as z from 'zod';
import { JSON_DEFAULTS } from '../../scoring/wires/json.ts';
import { pointerSteps } from '../../scoring/wires/json-pointer.ts';
import { jsonTemplate } from '../../scoring/wires/json-template.ts';
import { MLFLOW_DEFAULTS } from '../../scoring/wires/mlflow.ts';
import { OIP_DEFAULTS } from '../../scoring/wires/oip.ts';
import type { WireName } from '../../scoring/wires/wire.ts';

const columns = () => z.array(z.string().min(1));

const route = () =>
  z.string().regex(/^\/[^\s?#]*$/, { error: 'must be a path that begins with a slash, without a query' });

const pointer = () =>
  z.string().refine((text) => pointerSteps(text) !== null, { error: 'is no JSON pointer: write it like /data/rows' });

const oip = z
  .strictObject({
    version: z
      .string()
      .min(1)
      .nullable()
      .default(OIP_DEFAULTS.version)
      .describe(
        'Version of the model, in every address. Null: the one that the server has, and then that one to the end.',
      ),
    encoding: z
      .enum(['json', 'binary'])
      .default(OIP_DEFAULTS.encoding)
      .describe('`binary` sends and asks for tensors as bytes, for servers with the extension `binary_tensor_data`.'),
    input: z
      .enum(['auto', 'tensor', 'columns'])
      .default(OIP_DEFAULTS.input)
      .describe(
        'One input of all columns (`tensor`) or an input for each column (`columns`); `auto` goes by what the model says.',
      ),
    columns: columns()
      .min(1)
      .nullable()
      .default(null)
      .describe("The columns of the one tensor, in the model's order. Null: all columns of the intake."),
    output: z
      .string()
      .min(1)
      .nullable()
      .default(OIP_DEFAULTS.output)
      .describe(
        'The output that holds the predictions, which the server is then asked for. Null: the only one, or the only one with ' +
          'several numbers for each row.',
      ),
  })
  .nullable()
  .default(null)
  .describe('How a model is asked over the wire `oip`.');

const mlflow = z
  .strictObject({
    request: z
      .enum(['csv', 'dataframe_split'])
      .default(MLFLOW_DEFAULTS.request)
      .describe('`csv` leaves types to the server; `dataframe_split` is JSON, with numbers as numbers.'),
    textColumns: columns()
      .default([])
      .describe('Columns that `dataframe_split` sends as text though they look like numbers.'),
  })
  .nullable()
  .default(null)
  .describe('How a model is asked over the wire `mlflow`.');

const json = z
  .strictObject({
    path: route().default(JSON_DEFAULTS.path).describe('Route that takes rows, behind the path of `server`.'),
    request: z
      .record(z.string(), z.unknown())
      .default({})
      .describe('What else every request holds, beside the rows: a mapping.'),
    rows: pointer()
      .default(JSON_DEFAULTS.rows)
      .describe('JSON pointer to where the rows go in `request`. Empty: they are the whole body.'),
    columns: pointer()
      .nullable()
      .default(JSON_DEFAULTS.columns)
      .describe('JSON pointer to where the names of the columns go, for servers that take rows as lists.'),
    rowsAs: z
      .enum(['objects', 'lists', 'columns'])
      .default(JSON_DEFAULTS.rowsAs)
      .describe('How rows are written: `{"a":1,"b":2}`, `[1,2]`, or all of a column together, `{"a":[1],"b":[2]}`.'),
    textColumns: columns().default([]).describe('Columns that are sent as text though they look like numbers.'),
    predictions: pointer()
      .default(JSON_DEFAULTS.predictions)
      .describe('JSON pointer to the predictions in a reply: a list with one item per row.'),
    value: pointer()
      .nullable()
      .default(JSON_DEFAULTS.value)
      .describe(
        'JSON pointer within an item to its number, label, list of probabilities or mapping of class to probability. Null: ' +
          'the item itself.',
      ),
    error: pointer()
      .nullable()
      .default(JSON_DEFAULTS.error)
      .describe('JSON pointer within an item to why the row was not scored; null or missing there means that it was.'),
    model: pointer()
      .nullable()
      .default(JSON_DEFAULTS.model)
      .describe('JSON pointer in a reply to the name of the model, which is then held to one for the job.'),
    health: route()
      .nullable()
      .default(JSON_DEFAULTS.health)
      .describe('Route that answers 200 when the server works; asked before the first row. Null: none.'),
  })
  .superRefine((given, context) => {
    const outcome = jsonTemplate(given);
    if ('problem' in outcome) context.addIssue({ code: 'custom', path: [outcome.field], message: outcome.problem });
    if (given.columns !== null && given.rowsAs !== 'lists')
      context.addIssue({ code: 'custom', path: ['columns'], message: 'has a meaning with rowsAs: lists only' });
  })
  .nullable()
  .default(null)
  .describe(
    'Where things are in requests and replies of the wire `json`; without it as in TensorFlow Serving and KServe v1.',
  );

/** Settings of single wires, by the wire's name. */
export const wireFields = { oip, mlflow, json };

interface WireSettings extends Partial<Readonly<Record<keyof typeof wireFields, unknown>>> {
  readonly wire: WireName;
  readonly classes: readonly string[] | null;
  readonly positiveClass: string | null;
}

/** Settings of another wire would have no effect; a positive class that is none would be found with the first reply only. */
export function checkWireFields(given: WireSettings, context: z.RefinementCtx): void {
  for (const name of ['oip', 'mlflow', 'json'] as const) {
    if (given[name] === null || given[name] === undefined || given.wire === name) continue;
    context.addIssue({ code: 'custom', path: [name], message: `is for the wire ${name}, but wire is ${given.wire}` });
  }
  const { classes, positiveClass } = given;
  if (given.wire === 'datarobot' && (classes !== null || positiveClass !== null)) {
    const message = 'is for other wires: servers of the wire datarobot say it themselves';
    context.addIssue({ code: 'custom', path: [classes === null ? 'positiveClass' : 'classes'], message });
  } else if (positiveClass !== null && classes !== null && !(classes.length === 2 && classes.includes(positiveClass))) {
    context.addIssue({ code: 'custom', path: ['positiveClass'], message: 'must be one of two classes' });
  }
}
