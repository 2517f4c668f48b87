import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SluiceError } from '../../../../src/core/error.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import { OIP_DEFAULTS } from '../../../../src/scoring/wires/oip.ts';
import type { Wire, WireReply } from '../../../../src/scoring/wires/wire.ts';
import { batchOf, recordsOf } from '../rows.ts';
import { wireOf } from './dialects.ts';

/** What real servers answered, word for word; see test/support/real-servers/record.ts. */
interface Recorded {
  readonly request: { readonly path: string; readonly body?: string };
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Recordings = Readonly<Record<string, Recorded>>;

function recordings(server: string): Recordings {
  return JSON.parse(readFileSync(join(import.meta.dirname, `../../../golden/wires/${server}.json`), 'utf8'));
}

const replyOf = ({ status, headers, body }: Recorded): WireReply => ({ status, headers, body: Buffer.from(body) });
const rows = batchOf(
  [
    [1, 1, 1, '007'],
    [0.5, -1, 2, 'x'],
  ],
  schemaOf(['a', 'b', 'c', 'id']),
);
const features = batchOf(
  [
    [1, 1, 1],
    [0.5, -1, 2],
  ],
  schemaOf(['a', 'b', 'c']),
);
const read = (wire: Wire, recorded: Recorded, batch = rows): readonly string[] => {
  wire.request(batch);
  return recordsOf(wire.read(batch, replyOf(recorded)));
};
const namesOf = (wire: Wire, recorded: Recorded, batch = rows): readonly string[] => {
  wire.request(batch);
  return wire.read(batch, replyOf(recorded)).columns.map(({ name }) => name);
};
const faultOf = (wire: Wire, recorded: Recorded, batch = rows): SluiceError => wire.fault(batch, replyOf(recorded));

describe('DRUM as it was recorded', () => {
  const drum = recordings('drum');
  const wire = (model: string): Promise<Wire> =>
    wireOf(
      { wire: 'drum', target: 'y' },
      { '/info/': drum[`${model} info`]!.body, '/capabilities/': drum[`${model} capabilities`]!.body },
    );

  it('takes the request that the wire makes', async () => {
    const { method, path, headers, body } = (await wire('regression')).request(rows);
    expect([method, path, headers[1]]).toEqual(['POST', '/predict/', 'text/csv;charset=utf-8']);
    expect(Buffer.from(body!).toString()).toBe(drum['regression']!.request.body);
  });

  it('gives numbers, and probabilities with the positive class of /info/ first', async () => {
    expect(read(await wire('regression'), drum['regression']!)).toEqual(['5.0', '-3.0']);
    const binary = await wire('binary');
    expect(namesOf(binary, drum['binary']!)).toEqual([
      'y_yes_PREDICTION',
      'y_no_PREDICTION',
      'y_PREDICTION',
      'THRESHOLD',
      'POSITIVE_CLASS',
    ]);
    expect(read(binary, drum['binary']!)).toEqual([
      '0.9965026557,0.0034973443,yes,0.5,yes',
      '0.0099626001,0.9900373999,no,0.5,yes',
    ]);
    const multiclass = await wire('multiclass');
    expect(namesOf(multiclass, drum['multiclass']!).at(-1)).toBe('y_PREDICTION');
    expect(read(multiclass, drum['multiclass']!).map((record) => record.split(',').at(-1))).toEqual(['red', 'red']);
  });

  it('answers 500 for a bad row and for a missing column, and gives the request back, which is not quoted', async () => {
    const regression = await wire('regression');
    expect(faultOf(regression, drum['bad row']!)).toMatchObject({ code: 'SERVER_FAULT', status: 500 });
    expect(faultOf(regression, drum['bad row']!).message).toContain("could not convert string to float: 'abc'");
    expect(faultOf(regression, drum['lacking column']!).code).toBe('SERVER_FAULT');
    expect(drum['unclosed quote']!.body).toContain('0.5,-1,2,x'.slice(5));
    expect(faultOf(regression, drum['unclosed quote']!).message).toMatch(/input binary data b'\[the request\]/);
    expect(faultOf(regression, drum['no csv']!).code).toBe('ROW_REJECTED');
    expect(faultOf(regression, drum['unknown route']!).message).toContain('a page of HTML');
  });

  it('with a target of another type is refused by its name', async () => {
    const answers = { '/info/': { targetType: 'textgeneration' }, '/capabilities/': {} };
    await expect(wireOf({ wire: 'drum' }, answers)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('textgeneration'),
    });
  });
});

describe('MLServer as it was recorded', () => {
  const mlserver = recordings('mlserver');
  const wire = (id: string, output: string | null = null): Promise<Wire> =>
    wireOf(
      {
        wire: 'oip',
        classes: id === 'multiclass' ? ['blue', 'green', 'red'] : ['no', 'yes'],
        oip: { ...OIP_DEFAULTS, output },
      },
      { '/v2': mlserver['server']!.body, '/v2/models/d': mlserver[`${id} metadata`]!.body },
    );
  const regression = (): Promise<Wire> =>
    wireOf({ wire: 'oip' }, { '/v2/models/d': mlserver['regression metadata']!.body });

  it('takes the request that the wire makes', async () => {
    const { path, body } = (await regression()).request(features);
    expect(path).toBe('/v2/models/d/infer');
    const recorded = JSON.parse(mlserver['regression']!.request.body!);
    expect(JSON.parse(Buffer.from(body!).toString())).toEqual(recorded);
  });

  it('gives numbers, labels, and probabilities where an output of them is asked for', async () => {
    expect(read(await regression(), mlserver['regression']!, features)).toEqual([
      '5.000000000000012',
      '-2.999999999999999',
    ]);
    const binary = await wire('binary', 'predict_proba');
    expect(Buffer.from(binary.request(features).body!).toString()).toContain('"outputs":[{"name":"predict_proba"}]');
    expect(read(binary, mlserver['probabilities']!, features)).toEqual([
      '0.996502655682694,0.0034973443173059726,yes,0.5,yes',
      '0.00996260011014697,0.9900373998898531,no,0.5,yes',
    ]);
    const labels = await wireOf({ wire: 'oip' }, { '/v2/models/d': mlserver['binary metadata']!.body });
    expect(read(labels, mlserver['labels']!, features)).toEqual(['yes', 'no']);
    expect(labels.read(features, replyOf(mlserver['labels']!)).columns[0]!.role).toEqual({ kind: 'label' });
    // Of two outputs the probabilities.
    const two = await wireOf(
      { wire: 'oip', classes: ['blue', 'green', 'red'] },
      { '/v2/models/d': mlserver['binary metadata']!.body },
    );
    expect(read(two, mlserver['two outputs']!, features).map((record) => record.split(',').at(-1))).toEqual([
      'red',
      'red',
    ]);
  });

  it('names the version that answered', async () => {
    const scores = (await regression()).read(features, replyOf(mlserver['regression']!));
    expect(scores.model).toEqual({ id: 'regression', version: 'v7' });
  });

  it('answers with tracebacks, of which the exception is told, and with 422 for what is no request', async () => {
    const one = await regression();
    expect(faultOf(one, mlserver['bad row']!, features)).toMatchObject({ code: 'SERVER_FAULT', status: 500 });
    expect(faultOf(one, mlserver['bad row']!, features).message).toContain('ValueError: Input X contains NaN.');
    expect(faultOf(one, mlserver['text for a number']!, features).message).toContain("to float: 'abc'");
    const refused = faultOf(one, mlserver['no request']!, features);
    expect(refused).toMatchObject({ code: 'ROW_REJECTED', message: 'HTTP 422: body.inputs.0.name: Field required' });
    expect(faultOf(one, mlserver['unknown model']!, features).code).toBe('SERVER_ACCESS');
    expect(faultOf(one, mlserver['unknown version']!, features).message).toContain('version v9 not found');
  });

  it('does not have binary tensors, which is told before the first request', async () => {
    const binary = wireOf(
      { wire: 'oip', oip: { ...OIP_DEFAULTS, encoding: 'binary' } },
      { '/v2': mlserver['server']!.body, '/v2/models/d': mlserver['regression metadata']!.body },
    );
    await expect(binary).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('binary_tensor_data'),
    });
  });
});

describe('MLflow as it was recorded', () => {
  const mlflow = recordings('mlflow');
  const wire = (request: 'csv' | 'dataframe_split' = 'csv', classes?: readonly string[]): Promise<Wire> =>
    wireOf(
      { wire: 'mlflow', mlflow: { request, textColumns: ['id'] }, ...(classes === undefined ? {} : { classes }) },
      { '/ping': mlflow['ping']!.body, '/version': mlflow['version']!.body },
    );

  it('takes the requests that the wire makes', async () => {
    const sent = async (request: 'csv' | 'dataframe_split'): Promise<string> =>
      Buffer.from((await wire(request)).request(rows).body!).toString();
    expect(await sent('csv')).toBe(mlflow['regression']!.request.body);
    expect(await sent('dataframe_split')).toBe(mlflow['dataframe_split']!.request.body);
  });

  it('gives numbers, objects of classes, and lists in the order of the classes', async () => {
    expect(read(await wire(), mlflow['regression']!)).toEqual(['5.000000000000012', '-2.999999999999999']);
    expect(read(await wire('dataframe_split'), mlflow['dataframe_split']!)).toEqual(
      read(await wire(), mlflow['regression']!),
    );
    expect(read(await wire(), mlflow['binary']!)).toEqual([
      '0.996502655682694,0.0034973443173059726,yes,0.5,yes',
      '0.00996260011014697,0.9900373998898531,no,0.5,yes',
    ]);
    const lists = read(await wire('csv', ['blue', 'green', 'red']), mlflow['multiclass']!);
    expect(lists.map((record) => record.split(',').at(-1))).toEqual(['red', 'red']);
    await expect(async () => read(await wire(), mlflow['multiclass']!)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('deployment.classes'),
    });
  });

  it('answers 400 for bad rows, whose reason is told, and for lacking columns, which end the job', async () => {
    const one = await wire();
    expect(faultOf(one, mlflow['bad row']!)).toMatchObject({ code: 'ROW_REJECTED', status: 400 });
    expect(faultOf(one, mlflow['bad row']!).message).toContain("could not convert string to float: 'abc'");
    expect(faultOf(one, mlflow['blank cell']!).message).toContain('Input X contains NaN');
    expect(faultOf(one, mlflow['lacking column']!)).toMatchObject({ code: 'MODEL_COLUMNS' });
    expect(faultOf(one, mlflow['lacking column']!).message).toContain("missing inputs ['c']");
    expect(faultOf(one, mlflow['other content']!).code).toBe('CONFIG_INVALID');
  });
});
