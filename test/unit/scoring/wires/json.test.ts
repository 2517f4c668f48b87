import { describe, expect, it } from 'vitest';
import { schemaOf } from '../../../../src/core/schema.ts';
import { JSON_DEFAULTS, type JsonWireSettings } from '../../../../src/scoring/wires/json.ts';
import { jsonTemplate } from '../../../../src/scoring/wires/json-template.ts';
import type { Wire } from '../../../../src/scoring/wires/wire.ts';
import { batchOf, recordsOf } from '../rows.ts';
import { wireOf } from './dialects.ts';

const wireFor = (json: Partial<JsonWireSettings> = {}, more: object = {}): Promise<Wire> =>
  wireOf({ wire: 'json', json: { ...JSON_DEFAULTS, ...json }, ...more });
const batch = batchOf(
  [
    ['1.50', '007', 'a"b', null],
    ['-2e3', '01', 'line\nbreak', ''],
  ],
  schemaOf(['n', 'code', 'ü', 'x']),
);
const sent = (wire: Wire): string => Buffer.from(wire.request(batch).body!).toString();
const read = (wire: Wire, body: unknown, rows = batch) =>
  wire.read(rows, {
    status: 200,
    headers: {},
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  });

describe('a request', () => {
  it('holds numbers as they are written, and as text what JSON would change', async () => {
    expect(sent(await wireFor())).toBe(
      '{"instances":[{"n":1.50,"code":"007","ü":"a\\"b","x":null},{"n":-2e3,"code":"01","ü":"line\\nbreak","x":""}]}',
    );
    expect(sent(await wireFor({ textColumns: ['n'] }))).toContain('{"n":"1.50"');
  });

  it.each([
    [{ rows: '', rowsAs: 'lists' }, '[[1.50,"007","a\\"b",null],[-2e3,"01","line\\nbreak",""]]'],
    [
      { request: { k: 1, data: { fixed: [2] } }, rows: '/data/rows', columns: '/data/columns', rowsAs: 'lists' },
      '{"k":1,"data":{"fixed":[2],"rows":[[1.50,"007","a\\"b",null],[-2e3,"01","line\\nbreak",""]],"columns":["n","code","ü","x"]}}',
    ],
    [
      { rows: '/a~1b', rowsAs: 'columns' },
      '{"a/b":{"n":[1.50,-2e3],"code":["007","01"],"ü":["a\\"b","line\\nbreak"],"x":[null,""]}}',
    ],
  ] as const)('with %o is %s', async (json, text) => {
    expect(sent(await wireFor(json))).toBe(text);
    JSON.parse(sent(await wireFor(json)));
  });

  it('goes to the path behind that of the server', async () => {
    const wire = await wireOf({ wire: 'json', json: { ...JSON_DEFAULTS, path: '/v1/score' } }, {}, 'http://h/api/');
    expect(wire.request(batch).path).toBe('/api/v1/score');
  });
});

describe('a template', () => {
  it.each([
    [{ request: { a: 1 }, rows: '' }, 'rows', /is the root/],
    [{ rows: 'data' }, 'rows', /no JSON pointer/],
    [{ request: { data: [1] }, rows: '/data/rows' }, 'rows', /leads through \/data, which is no mapping/],
    [{ request: { rows: 'x' }, rows: '/rows' }, 'rows', /has something already/],
    [{ rows: '/rows', columns: '/rows' }, 'columns', /has something already/],
    [{ rows: '', columns: '/names' }, 'columns', /no place/],
  ])('%o is refused for its %s', (settings, field, problem) => {
    const outcome = jsonTemplate({ request: {}, columns: null, ...settings });
    expect(outcome).toMatchObject({ field, problem: expect.stringMatching(problem) });
  });

  it('may have names that objects have already', () => {
    const outcome = jsonTemplate({ request: {}, rows: '/__proto__/rows', columns: null });
    expect(outcome).toEqual({ template: { pieces: ['{"__proto__":{"rows":', '}}'], slots: ['rows'] } });
  });
});

describe('a reply', () => {
  it('is read where the pointers lead', async () => {
    const wire = await wireFor({ predictions: '/out/1/rows', value: '/p/0', error: '/why', model: '/by' });
    const scores = read(wire, { by: 'm-7', out: [0, { rows: [{ p: [5] }, { p: [6], why: 'too far' }] }] });
    expect(recordsOf(scores)).toEqual(['5', '[too far]']);
    expect(scores.model).toEqual({ id: 'm-7' });
    expect(() => read(wire, { out: [0, { rows: [{ p: [5] }, { p: [6] }] }] })).toThrow(
      /does not name its model at \/by/,
    );
  });

  it.each([
    ['numbers', [1, 2], {}, 'y_PREDICTION', ['1', '2']],
    ['labels', ['a', 'b'], {}, 'y_PREDICTION', ['a', 'b']],
    ['booleans', [true, false], {}, 'y_PREDICTION', ['True', 'False']],
    [
      'the probability of the positive class',
      [0.75, 0.25],
      { classes: ['no', 'yes'] },
      'y_yes_PREDICTION',
      ['0.75,0.25,yes,0.5,yes', '0.25,0.75,no,0.5,yes'],
    ],
    [
      'probabilities of two classes',
      [
        [0.1, 0.9],
        [0.6, 0.4],
      ],
      { classes: ['no', 'yes'] },
      'y_yes_PREDICTION',
      ['0.9,0.1,yes,0.5,yes', '0.4,0.6,no,0.5,yes'],
    ],
    [
      'the other one is positive',
      [
        [0.1, 0.9],
        [0.6, 0.4],
      ],
      { classes: ['no', 'yes'], positiveClass: 'no' },
      'y_no_PREDICTION',
      ['0.1,0.9,yes,0.5,no', '0.6,0.4,no,0.5,no'],
    ],
    [
      'probabilities by name, in any order',
      [
        { b: 0.2, a: 0.7, c: 0.1 },
        { c: 0.5, a: 0.3, b: 0.2 },
      ],
      {},
      'y_a_PREDICTION',
      ['0.7,0.2,0.1,a', '0.3,0.2,0.5,c'],
    ],
  ])('may give %s', async (_, predictions, more, first, records) => {
    const scores = read(await wireFor({}, more), { predictions });
    expect(scores.columns[0]!.name).toBe(first);
    expect(recordsOf(scores)).toEqual(records);
  });

  it.each([
    ['numbers after lists', [[0.1, 0.9], 1]],
    [
      'another number of classes',
      [
        [0.1, 0.9],
        [0.1, 0.2, 0.7],
      ],
    ],
    [
      'other names',
      [
        { no: 0.1, yes: 0.9 },
        { no: 0.1, maybe: 0.9 },
      ],
    ],
    ['a name twice', '{"predictions":[{"no":0.1,"yes":0.9},{"no":0.1,"no":0.9}]}'],
    [
      'numbers that do not add up',
      [
        [0.5, 0.9],
        [0.5, 0.5],
      ],
    ],
    [
      'numbers past 1',
      [
        [-3, 4],
        [0.5, 0.5],
      ],
    ],
    ['nothing in a list', [[], []]],
    ['a label after a number', [1, 'a']],
    ['two texts for one', '{"predictions":[0.1,0.2]}{"predictions":[0.3,0.4]}'],
    ['a number that is none', '{"predictions":[0.5-0.2,0.3]}'],
  ])('with %s is no reply', async (_, predictions) => {
    const wire = await wireFor({}, { classes: ['no', 'yes'] });
    const body = typeof predictions === 'string' ? predictions : { predictions };
    expect(() => read(wire, body)).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
  });

  it('whose numbers nobody has named says what to set', async () => {
    const body = {
      predictions: [
        [0.1, 0.9],
        [0.6, 0.4],
      ],
    };
    const attempt = async (more: object): Promise<unknown> => read(await wireFor({}, more), body);
    const refused = (text: RegExp) => ({ code: 'CONFIG_INVALID', message: expect.stringMatching(text) });
    await expect(attempt({})).rejects.toMatchObject(refused(/2 numbers.*deployment.classes/));
    await expect(attempt({ classes: ['a', 'b', 'c'] })).rejects.toMatchObject(refused(/2 numbers.*3 classes/));
    await expect(attempt({ classes: ['a', 'b'], positiveClass: 'c' })).rejects.toMatchObject(
      refused(/"c".*positiveClass/s),
    );
  });

  it('of a number past the range of doubles fails its row', async () => {
    const scores = read(await wireFor(), `{"predictions":[1e999,${'9'.repeat(400)}]}`);
    expect(scores.failures.map(({ reason }) => reason)).toEqual([
      'the prediction is infinite',
      'the prediction is infinite',
    ]);
  });

  it('of FastAPI that blames a row names it', async () => {
    const wire = await wireFor({ rows: '/data/rows' });
    const fault = (loc: readonly unknown[]) =>
      wire.fault(batch, {
        status: 422,
        headers: {},
        body: Buffer.from(JSON.stringify({ detail: [{ loc, msg: 'bad' }] })),
      }).row;
    expect(fault(['body', 'data', 'rows', 1, 'n'])).toBe(1);
    expect(fault(['body', 'data', 'rows', 2, 'n'])).toBeUndefined();
    expect(fault(['body', 'other', 'rows', 1])).toBeUndefined();
    expect(fault(['query', 'data', 'rows', 1])).toBeUndefined();
  });
});

describe('the health route', () => {
  it('is asked where it is set, and must answer 200', async () => {
    await expect(wireFor({ health: '/healthz' })).rejects.toMatchObject({ code: 'SERVER_ACCESS' });
    expect(
      await wireOf({ wire: 'json', json: { ...JSON_DEFAULTS, health: '/healthz' } }, { '/healthz': 'ok' }),
    ).toBeDefined();
  });
});
