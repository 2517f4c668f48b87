import { parse } from 'csv-parse/sync';
import { systemClock } from '../../../../src/core/clock.ts';
import type { ScoreColumn } from '../../../../src/core/scorer.ts';
import { createWire } from '../../../../src/scoring/wires/create-wire.ts';
import { JSON_DEFAULTS } from '../../../../src/scoring/wires/json.ts';
import { OIP_DEFAULTS } from '../../../../src/scoring/wires/oip.ts';
import { PLAIN_SCORING, type Wire } from '../../../../src/scoring/wires/wire.ts';
import type { WiredDeployment } from '../../../../src/scoring/wires/wired-deployment.ts';

/** A reply that a server of a family could give. */
export interface DialectReply {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What servers of one family read and write, said once more by the tests. */
export interface Dialect {
  readonly name: string;
  /** The wire for a regression of `y`, described as far as servers of the family describe it. */
  readonly wire: (server: string) => Promise<Wire>;
  /** The first column of the rows of a request. */
  readonly sent: (body: Buffer) => readonly number[];
  /** A reply with these predictions: texts of numbers, `null`, `NaN`, `Infinity` and `-Infinity`. */
  readonly reply: (values: readonly string[]) => DialectReply;
  /** The same with reasons for some rows, for families that have them. */
  readonly refusing?: (values: readonly string[], reasons: ReadonlyMap<number, string>) => DialectReply;
}

export const plainColumns: readonly ScoreColumn[] = [{ name: 'y_PREDICTION', role: { kind: 'prediction' } }];

/** A wire and what its server says before the first row. */
export async function wireOf(
  deployment: Omit<WiredDeployment, 'server' | 'id'>,
  answers: Readonly<Record<string, unknown>> = {},
  server = 'http://127.0.0.1:9',
): Promise<Wire> {
  const options = { scoring: PLAIN_SCORING, clock: systemClock, pin: { model: null } };
  const wire = createWire({ server, id: 'd', target: 'y', ...deployment }, options);
  await wire.describe(async ({ path }) => {
    const given = answers[path];
    const body = Buffer.from(typeof given === 'string' ? given : JSON.stringify(given ?? { message: 'Not Found' }));
    return { status: given === undefined ? 404 : 200, headers: { 'content-type': 'application/json' }, body };
  });
  return wire;
}

const asJson = (text: string): DialectReply => ({
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(text),
});

const csvSent = (body: Buffer): readonly number[] =>
  parse(body)
    .slice(1)
    .map((fields) => Number(fields[0]));

const jsonOf = (body: Buffer): Record<string, never> => JSON.parse(body.toString());

interface OipBody {
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[];
}

const listReply = (values: readonly string[]): DialectReply => asJson(`{"predictions": [${values.join(', ')}]}`);

const metadata = (inputs: readonly object[]): object => ({
  name: 'd',
  versions: [],
  inputs,
  outputs: [{ name: 'p', datatype: 'FP64', shape: [-1, 1] }],
});

const columnInputs = ['a', 'b'].map((name) => ({ name, datatype: 'FP64', shape: [-1, 1] }));

const oipReply = (values: readonly string[], more = ''): DialectReply =>
  asJson(
    `{"model_name":"d","outputs":[{"name":"p","shape":[${values.length},1],"datatype":"FP64","data":[${values.join(',')}]}${more}]}`,
  );

const statusOutput = (rows: number, reasons: ReadonlyMap<number, string>): string => {
  const data = Array.from({ length: rows }, (_, row) => reasons.get(row) ?? 'OK');
  return `,${JSON.stringify({ name: 'prediction_status', datatype: 'BYTES', shape: [rows], data })}`;
};

const binaryReply = (values: readonly string[]): DialectReply => {
  const data = Buffer.alloc(8 * values.length);
  for (const [i, value] of values.entries()) data.writeDoubleLE(value === 'null' ? Number.NaN : Number(value), 8 * i);
  const output = { name: 'p', datatype: 'FP64', shape: [values.length], parameters: { binary_data_size: data.length } };
  const header = Buffer.from(JSON.stringify({ model_name: 'd', outputs: [output] }));
  return {
    headers: { 'inference-header-content-length': `${header.length}`, 'content-type': 'application/octet-stream' },
    body: Buffer.concat([header, data]),
  };
};

const isNumber = (text: string): boolean => Number.isFinite(Number(text));

const drumAnswers = {
  '/info/': { targetType: 'regression', drumVersion: '1.18.1' },
  '/capabilities/': { supported_payload_formats: { csv: null, mtx: null } },
};

/** Every wire, and the ways in which one of them may be told to speak. */
export const dialects: readonly Dialect[] = [
  {
    name: 'datarobot, CSV replies',
    wire: (server) => wireOf({ wire: 'datarobot' }, {}, server),
    sent: csvSent,
    reply: (values) => ({
      headers: { 'content-type': 'text/csv' },
      body: Buffer.from(
        `y_PREDICTION,__sluice_row__\n${values.map((text, i) => `${text === 'null' ? '' : text},${i}\n`).join('')}`,
      ),
    }),
    refusing: (values, reasons) => ({
      headers: { 'content-type': 'text/csv' },
      body: Buffer.from(
        `y_PREDICTION,prediction_status,__sluice_row__\n${values.map((text, i) => `${text},${reasons.get(i) ?? 'OK'},${i}\n`).join('')}`,
      ),
    }),
  },
  {
    name: 'datarobot, JSON replies',
    wire: (server) => wireOf({ wire: 'datarobot', reply: 'json' }, {}, server),
    sent: csvSent,
    reply: (values) =>
      asJson(`{"data":[${values.map((text, rowId) => `{"rowId":${rowId},"prediction":${text}}`).join(',')}]}`),
    refusing: (values, reasons) =>
      asJson(
        `{"data":[${values.map((text, rowId) => (reasons.has(rowId) ? JSON.stringify({ rowId, predictionStatus: reasons.get(rowId) }) : `{"rowId":${rowId},"prediction":${text}}`)).join(',')}]}`,
      ),
  },
  { name: 'drum', wire: (server) => wireOf({ wire: 'drum' }, drumAnswers, server), sent: csvSent, reply: listReply },
  {
    name: 'mlflow, csv',
    wire: (server) => wireOf({ wire: 'mlflow' }, { '/ping': '\n' }, server),
    sent: csvSent,
    reply: listReply,
  },
  {
    name: 'mlflow, dataframe_split',
    wire: (server) =>
      wireOf({ wire: 'mlflow', mlflow: { request: 'dataframe_split', textColumns: [] } }, { '/ping': '\n' }, server),
    sent: (body) => {
      const { data } = jsonOf(body)['dataframe_split'] as unknown as { readonly data: readonly (readonly number[])[] };
      return data.map(([first]) => first!);
    },
    reply: listReply,
  },
  {
    name: 'oip, one tensor',
    wire: (server) =>
      wireOf({ wire: 'oip' }, { '/v2/models/d': metadata([{ name: 'x', datatype: 'FP64', shape: [-1, 2] }]) }, server),
    sent: (body) => {
      const { data, shape } = (jsonOf(body) as unknown as OipBody).inputs[0]!;
      return data.filter((_, i) => i % Number(shape[1]) === 0);
    },
    reply: oipReply,
    refusing: (values, reasons) => oipReply(values, statusOutput(values.length, reasons)),
  },
  {
    name: 'oip, a tensor per column',
    wire: (server) => wireOf({ wire: 'oip' }, { '/v2/models/d': metadata(columnInputs) }, server),
    sent: (body) => (jsonOf(body) as unknown as OipBody).inputs[0]!.data,
    reply: oipReply,
    refusing: (values, reasons) => oipReply(values, statusOutput(values.length, reasons)),
  },
  {
    name: 'oip, binary',
    wire: (server) =>
      wireOf(
        { wire: 'oip', oip: { ...OIP_DEFAULTS, encoding: 'binary' } },
        { '/v2/models/d': metadata(columnInputs), '/v2': { name: 's', extensions: ['binary_tensor_data'] } },
        server,
      ),
    sent: (body) => {
      const end = body.indexOf('"binary_data_output":true}}') + '"binary_data_output":true}}'.length;
      const { inputs } = JSON.parse(body.toString('utf8', 0, end)) as OipBody;
      return Array.from({ length: inputs[0]!.shape[0]! }, (_, i) => body.readDoubleLE(end + 8 * i));
    },
    reply: binaryReply,
  },
  {
    name: 'json, objects',
    wire: (server) => wireOf({ wire: 'json' }, {}, server),
    sent: (body) => (jsonOf(body)['instances'] as unknown as { readonly a: number }[]).map(({ a }) => a),
    reply: listReply,
  },
  {
    name: 'json, lists in a template, objects back',
    wire: (server) =>
      wireOf(
        {
          wire: 'json',
          json: {
            ...JSON_DEFAULTS,
            request: { model: 'prod', options: { fast: true } },
            rows: '/batch/rows',
            columns: '/batch/names',
            rowsAs: 'lists',
            predictions: '/result/0/rows',
            value: '/score',
            error: '/problem',
          },
        },
        {},
        server,
      ),
    sent: (body) => (jsonOf(body)['batch'] as unknown as { rows: number[][] }).rows.map(([first]) => first!),
    reply: (values) => asJson(`{"result":[{"rows":[${values.map((text) => `{"score":${text}}`).join(',')}]}]}`),
    refusing: (values, reasons) =>
      asJson(
        `{"result":[{"rows":[${values.map((text, i) => `{"problem":${JSON.stringify(reasons.get(i) ?? null)},"score":${isNumber(text) ? text : 0}}`).join(',')}]}]}`,
      ),
  },
];
