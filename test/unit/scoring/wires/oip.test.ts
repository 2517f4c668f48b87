import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/core/clock.ts';
import { schemaOf } from '../../../../src/core/schema.ts';
import type { Value } from '../../../../src/core/value.ts';
import type { ModelPin } from '../../../../src/scoring/model-pin.ts';
import { createWire } from '../../../../src/scoring/wires/create-wire.ts';
import { OIP_DEFAULTS, type OipSettings } from '../../../../src/scoring/wires/oip.ts';
import { PLAIN_SCORING, type Wire, type WireRequest } from '../../../../src/scoring/wires/wire.ts';
import { batchOf, recordsOf } from '../rows.ts';
import { wireOf } from './dialects.ts';

const tensor = (name: string, datatype: string, shape: readonly number[] = [-1, 1]) => ({ name, datatype, shape });
const wireFor = (inputs: readonly object[], oip: Partial<OipSettings> = {}, more: object = {}): Promise<Wire> =>
  wireOf(
    { wire: 'oip', oip: { ...OIP_DEFAULTS, ...oip } },
    {
      '/v2/models/d': { name: 'd', versions: [], inputs, outputs: [], ...more },
      '/v2': { extensions: ['binary_tensor_data'] },
    },
  );
const bodyOf = ({ body }: WireRequest): unknown => JSON.parse(Buffer.from(body!).toString());
const answer = (wire: Wire, batch: ReturnType<typeof batchOf>, outputs: readonly object[], more: object = {}) =>
  wire.read(batch, {
    status: 200,
    headers: {},
    body: Buffer.from(JSON.stringify({ model_name: 'd', outputs, ...more })),
  });
const numbersOut = (data: readonly (number | null)[]) => ({ name: 'p', datatype: 'FP64', shape: [data.length], data });

describe('types of the inputs', () => {
  it('are those of the metadata, whatever a cell looks like', async () => {
    const wire = await wireFor([
      tensor('whole', 'INT64'),
      tensor('real', 'FP32'),
      tensor('flag', 'BOOL', [-1]),
      tensor('text', 'BYTES'),
    ]);
    const schema = schemaOf(['extra', 'text', 'real', 'whole', 'flag']);
    const batch = batchOf(
      [
        ['x', '007', '.5', '3.0', 'true'],
        ['y', null, 'NA', '9007199254740993', '0'],
        ['z', 'a"b,c', '+1e2', '-4', 'F'],
      ],
      schema,
    );
    expect(Buffer.from(wire.request(batch).body!).toString()).toContain('[3,9007199254740993,-4]');
    expect(bodyOf(wire.request(batch))).toEqual({
      inputs: [
        { name: 'whole', shape: [3, 1], datatype: 'INT64', data: [3, 9007199254740992, -4] },
        { name: 'real', shape: [3, 1], datatype: 'FP32', data: [0.5, null, 100] },
        { name: 'flag', shape: [3], datatype: 'BOOL', data: [true, false, false] },
        { name: 'text', shape: [3, 1], datatype: 'BYTES', data: ['007', '', 'a"b,c'] },
      ],
    });
  });

  it('leave the rows out whose cells they cannot hold, which fail with the reason and are never sent', async () => {
    const wire = await wireFor([tensor('n', 'INT8'), tensor('r', 'FP64')]);
    const batch = batchOf(
      [
        ['1', '1'],
        ['128', '1'],
        ['2', 'abc'],
        [null, '1'],
        ['3', null],
        ['1.5', '1'],
      ],
      schemaOf(['n', 'r']),
    );
    expect(bodyOf(wire.request(batch))).toMatchObject({ inputs: [{ data: [1, 3] }, { data: [1, null] }] });
    const scores = answer(wire, batch, [numbersOut([10, 30])]);
    expect(scores.failures).toEqual([
      { row: 1, reason: 'Column "n": "128" is not a value of the type INT8.', attempts: 1 },
      { row: 2, reason: 'Column "r": "abc" is not a number.', attempts: 1 },
      { row: 3, reason: 'Column "n": a number of the type INT8 must be there.', attempts: 1 },
      { row: 5, reason: 'Column "n": "1.5" is not a value of the type INT8.', attempts: 1 },
    ]);
    expect([recordsOf(scores)[0], recordsOf(scores)[4]]).toEqual(['10', '30']);
    expect(scores).toMatchObject({ rows: 6 });
    const none = batchOf([['x', '1']], schemaOf(['n', 'r']));
    expect(() => wire.request(none)).toThrow(expect.objectContaining({ code: 'ROW_REJECTED' }));
  });

  it('put failures of the server to the rows that they are of, among rows that were not sent', async () => {
    const wire = await wireFor([tensor('r', 'FP64')]);
    const values = ['x', '1', '2', 'x', '3', 'x'];
    const batch = batchOf(
      values.map((value) => [value]),
      schemaOf(['r']),
    );
    wire.request(batch);
    const scores = answer(wire, batch, [numbersOut([1, null, 3])]);
    expect(scores.failures.map(({ row }) => row)).toEqual([0, 2, 3, 5]);
    expect(recordsOf(scores).filter((_, row) => row === 1 || row === 4)).toEqual(['1', '3']);
  });

  it('hold for binary tensors as for JSON', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.tuple(
            fc.double({ noNaN: true, noDefaultInfinity: true }),
            fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
            fc.string({ maxLength: 5 }),
          ),
          {
            minLength: 1,
            maxLength: 8,
          },
        ),
        async (rows) => {
          const inputs = [tensor('r', 'FP64'), tensor('i', 'INT32'), tensor('t', 'BYTES')];
          const wire = await wireFor(inputs, { encoding: 'binary' });
          const records = rows.map(([r, i, t]): Value[] => [String(r), i, t]);
          const { body, headers } = wire.request(batchOf(records, schemaOf(['r', 'i', 't'])));
          const length = Number(headers[headers.indexOf('inference-header-content-length') + 1]);
          const bytes = Buffer.from(body!);
          const header = JSON.parse(bytes.toString('utf8', 0, length));
          const sizes = header.inputs.map(
            (input: { parameters: { binary_data_size: number } }) => input.parameters.binary_data_size,
          );
          expect(sizes.reduce((sum: number, size: number) => sum + size, length)).toBe(bytes.length);
          let at = length;
          for (const [r] of rows) {
            expect(bytes.readDoubleLE(at) + 0).toBe(r + 0);
            at += 8;
          }
          for (const [, i] of rows) {
            expect(bytes.readInt32LE(at)).toBe(i);
            at += 4;
          }
          for (const [, , t] of rows) {
            const size = bytes.readUInt32LE(at);
            expect(bytes.toString('utf8', at + 4, at + 4 + size)).toBe(Buffer.from(t).toString());
            at += 4 + size;
          }
        },
      ),
      { numRuns: 40 },
    ));
});

describe('columns of the rows', () => {
  const rows = (names: readonly string[]) =>
    batchOf(
      Array.from({ length: 12 }, () => names.map((name) => (name === 'text' ? 'abc' : '1'))),
      schemaOf(names),
    );
  const matrix = tensor('x', 'FP64', [-1, 3]);

  it.each([
    [
      'a missing one',
      [tensor('a', 'FP64'), tensor('distance', 'FP64')],
      {},
      ['a', 'distanse'],
      /"distance".*Is it "distanse"/s,
    ],
    ['text for numbers', [tensor('a', 'FP64'), tensor('text', 'FP32')], {}, ['a', 'text'], /"text" has no number/],
    ['too few for a tensor', [matrix], {}, ['a', 'b'], /"x" of .* takes 3 columns, but the rows have 2/],
    [
      'too many for a tensor',
      [matrix],
      {},
      ['id', 'a', 'b', 'c'],
      /takes 3 columns, but the rows have 4.*deployment.oip.columns/s,
    ],
    ['too few that are chosen', [matrix], { columns: ['a', 'b'] }, ['a', 'b', 'c'], /deployment.oip.columns names 2/],
    ['a chosen one that is not there', [matrix], { columns: ['a', 'b', 'd'] }, ['a', 'b', 'c'], /lack the column "d"/],
    ['a date for numbers', [tensor('a', 'FP64')], {}, ['a'], /"a" is a date/, 'date'],
  ] as const)('are named before anything is sent: %s', async (_, inputs, oip, names, message, type?: 'date') => {
    const wire = await wireFor([...inputs], oip);
    const batch = rows(names);
    const typed = type === undefined ? batch : batchOf([['2001-01-01']], { columns: [{ name: 'a', type }] });
    expect(() => wire.request(typed)).toThrow(
      expect.objectContaining({ code: 'MODEL_COLUMNS', message: expect.stringMatching(message) }),
    );
  });

  it('go into one tensor in the order of oip.columns', async () => {
    const wire = await wireFor([matrix], { columns: ['c', 'a', 'b'] });
    const batch = batchOf(
      [
        [9, 1, 2, 3],
        [9, 4, 5, 6],
      ],
      schemaOf(['id', 'a', 'b', 'c']),
    );
    expect(bodyOf(wire.request(batch))).toEqual({
      inputs: [{ name: 'x', shape: [2, 3], datatype: 'FP64', data: [3, 1, 2, 6, 4, 5] }],
    });
  });

  it('are a few bad cells at the most, not a wrong column, where some of them are numbers', async () => {
    const wire = await wireFor([tensor('a', 'FP64')]);
    const some = batchOf(
      Array.from({ length: 40 }, (_, i) => [i === 39 ? '1' : 'x']),
      schemaOf(['a']),
    );
    expect(bodyOf(wire.request(some))).toMatchObject({ inputs: [{ data: [1] }] });
  });
});

describe('the version', () => {
  const pinned = async (oip: Partial<OipSettings>, versions: readonly string[]): Promise<[Wire, ModelPin]> => {
    const pin: ModelPin = { model: null };
    const wire = createWire(
      { id: 'm/1', server: 'http://h/base/', wire: 'oip', oip: { ...OIP_DEFAULTS, ...oip } },
      { scoring: PLAIN_SCORING, clock: systemClock, pin },
    );
    const description = await wire.describe(async ({ path }) => ({
      status: 200,
      headers: {},
      body: Buffer.from(path.endsWith('/v2') ? '{}' : JSON.stringify({ name: 'm/1', versions })),
    }));
    pin.model = description.model ?? null;
    return [wire, pin];
  };
  const batch = batchOf([[1]], schemaOf(['a']));

  it.each([
    [{ version: '3' }, ['1', '3'], '/base/v2/models/m%2F1/versions/3/infer'],
    [{}, ['7'], '/base/v2/models/m%2F1/versions/7/infer'],
    [{}, ['1', '2'], '/base/v2/models/m%2F1/infer'],
    [{}, [], '/base/v2/models/m%2F1/infer'],
  ])('with %o and versions %o is asked for at %s', async (oip, versions, path) => {
    const [wire] = await pinned(oip, versions);
    expect(wire.request(batch).path).toBe(path);
  });

  it('that answered is the one of every later request, once it is pinned', async () => {
    const [wire, pin] = await pinned({}, []);
    const { model } = answer(wire, batch, [numbersOut([1])], { model_version: 'v2' });
    pin.model = model;
    expect(wire.request(batch).path).toBe('/base/v2/models/m%2F1/versions/v2/infer');
  });
});

describe('outputs', () => {
  const batch = batchOf([[1], [2]], schemaOf(['a']));
  const read = async (outputs: readonly object[], oip: Partial<OipSettings> = {}) => {
    const wire = await wireFor([], oip);
    wire.request(batch);
    return answer(wire, batch, outputs);
  };

  it.each([
    ['another number of rows', [{ ...numbersOut([1, 2, 3]) }]],
    ['less data than the shape says', [{ ...numbersOut([1, 2, 3, 4]), shape: [2, 3] }]],
    ['a shape that no memory holds', [{ ...numbersOut([1, 2]), shape: [2, 1e15] }]],
    ['a shape of no rows', [{ ...numbersOut([]), shape: [0] }]],
    ['no data', [{ name: 'p', datatype: 'FP64', shape: [2] }]],
    ['no datatype', [{ name: 'p', shape: [2], data: [1, 2] }]],
    ['none', []],
    ['numbers that are no probabilities', [{ name: 'p', datatype: 'FP64', shape: [2, 2], data: [3, 4, 5, 6] }]],
  ])('with %s are no reply', async (_, outputs) => {
    const wire = await wireOf({ wire: 'oip', classes: ['no', 'yes'] }, { '/v2/models/d': { name: 'd' } });
    wire.request(batch);
    expect(() => answer(wire, batch, outputs)).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
  });

  it('of which nobody can say which holds the predictions are named, and one of them can be set', async () => {
    const outputs = [numbersOut([1, 2]), { ...numbersOut([3, 4]), name: 'q' }];
    await expect(read(outputs)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('"p", "q"'),
    });
    expect(recordsOf(await read(outputs, { output: 'q' }))).toEqual(['3', '4']);
    await expect(read(outputs, { output: 'r' })).rejects.toMatchObject({ code: 'REPLY_MISMATCH' });
  });

  it('may be nested lists, and labels', async () => {
    expect(recordsOf(await read([{ name: 'p', datatype: 'FP32', shape: [2, 1], data: [[1], [2.5]] }]))).toEqual([
      '1',
      '2.5',
    ]);
    expect(recordsOf(await read([{ name: 'p', datatype: 'BYTES', shape: [2], data: ['a,b', 'ü'] }]))).toEqual([
      '"a,b"',
      'ü',
    ]);
  });
});
