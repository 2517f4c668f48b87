import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import type { RowBatch } from '../../../src/core/row-batch.ts';
import { schemaOf } from '../../../src/core/schema.ts';
import type { Scores } from '../../../src/core/scorer.ts';
import { createDatarobotWire, type DatarobotOptions } from '../../../src/scoring/wires/datarobot.ts';
import { PLAIN_SCORING, type Wire } from '../../../src/scoring/wires/wire.ts';
import { edited, editsOf } from './moved-items.ts';
import { batchOf, numbered, recordsOf } from './rows.ts';

function wireOf(options: Partial<DatarobotOptions> = {}): Wire {
  return createDatarobotWire({
    server: 'http://127.0.0.1:1',
    deploymentId: 'flights',
    settings: PLAIN_SCORING,
    clock: systemClock,
    pin: { model: null },
    ...options,
  });
}

function read(wire: Wire, batch: RowBatch, text: string): Scores {
  return wire.read(batch, { status: 200, headers: {}, body: Buffer.from(text) });
}

const reply = (values: readonly string[]): string =>
  ['y_PREDICTION,__sluice_row__', ...values.map((value, row) => `${value},${row}`), ''].join('\n');

describe('the request of the DataRobot wire', () => {
  it('holds the rows as they are, with a last column that numbers them, for any rows', () => {
    const cell = fc.oneof(
      fc.constant(null),
      fc.string({ unit: fc.constantFrom('a', 'ü', '"', ',', '\n', '\r', ' ', '0', '𝄞') }),
    );
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 4 })
          .chain((width) =>
            fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 130 }),
          ),
        (records) => {
          const names = records[0]!.map((_, i) => `column ${i}`);
          const batch = batchOf(records, schemaOf(names));
          const { body } = wireOf().request(batch);
          const sent = parse(Buffer.from(body!));
          expect(sent[0]).toEqual([...names, '__sluice_row__']);
          expect(sent.slice(1)).toEqual(records.map((record, i) => [...record.map((v) => v ?? ''), String(i)]));
        },
      ),
    );
  });

  it('numbers rows past every change of the number of digits', () => {
    const { body } = wireOf().request(numbered(11_111));
    const sent = parse(Buffer.from(body!));
    expect(sent.slice(1).map((fields) => fields[2])).toEqual(Array.from({ length: 11_111 }, (_, i) => String(i)));
    expect(body!.at(-1)).toBe(0x0a);
  });

  it('numbers the rows of a slice from 0, wherever it begins in memory', () => {
    const whole = numbered(30);
    for (let from = 0; from < 9; from += 1) {
      const { body } = wireOf().request(whole.slice(from, from + 3));
      expect(Buffer.from(body!).toString()).toBe(
        `id,text,__sluice_row__\n${[0, 1, 2].map((i) => `${from + i},row ${from + i},${i}\n`).join('')}`,
      );
    }
  });

  it('takes another name for the numbers when the rows have such a column', () => {
    const schema = schemaOf(['__sluice_row__', '__sluice_row_2__']);
    const request = wireOf().request(batchOf([[1, 2]], schema));
    expect(Buffer.from(request.body!).toString()).toBe('__sluice_row__,__sluice_row_2__,__sluice_row_3__\n1,2,0\n');
    expect(request.path).toContain('passthroughColumns=__sluice_row_3__');
  });

  it.each([
    ['http://h:1', '/predApi/v1.0/deployments/a%2Fb/predictions'],
    ['http://h:1/', '/predApi/v1.0/deployments/a%2Fb/predictions'],
    ['http://h:1/predApi/v1.0', '/predApi/v1.0/deployments/a%2Fb/predictions'],
    ['http://h:1/x/predApi/v1.0/', '/x/predApi/v1.0/deployments/a%2Fb/predictions'],
    ['http://h:1/x/', '/x/predApi/v1.0/deployments/a%2Fb/predictions'],
  ])('goes to the API wherever the address %s puts it', (server, path) => {
    const wire = wireOf({ server, deploymentId: 'a/b', rowWitness: false });
    expect(wire.request(numbered(1)).path).toBe(path);
  });

  it('carries the settings that were asked for and no others', () => {
    const settings = {
      maxExplanations: 3,
      thresholdHigh: 0.8,
      thresholdLow: 0.1,
      explanationAlgorithm: 'shap',
      predictionWarningEnabled: true,
      predictionThreshold: 0.4,
      decimals: 6,
    };
    const url = new URL(wireOf({ settings }).request(numbered(1)).path, 'http://h');
    expect(Object.fromEntries(url.searchParams)).toEqual({
      maxExplanations: '3',
      thresholdHigh: '0.8',
      thresholdLow: '0.1',
      explanationAlgorithm: 'shap',
      predictionWarningEnabled: 'true',
      predictionThreshold: '0.4',
      decimalsNumber: '6',
      passthroughColumns: '__sluice_row__',
    });
    const plain = new URL(wireOf().request(numbered(1)).path, 'http://h');
    expect(Object.fromEntries(plain.searchParams)).toEqual({ passthroughColumns: '__sluice_row__' });
  });
});

describe('a CSV reply', () => {
  it('becomes canonical records without the numbers', () => {
    const scores = read(wireOf(), numbered(3), reply(['1.5', '-2e-7', '3']));
    expect(scores.columns).toEqual([{ name: 'y_PREDICTION', role: { kind: 'prediction' } }]);
    expect(Buffer.from(scores.bytes).toString()).toBe('1.5\n-2e-7\n3\n');
    expect([...scores.ends]).toEqual([4, 10, 12]);
    expect(scores.failures).toEqual([]);
  });

  it.each([
    ['CRLF', (text: string) => text.replaceAll('\n', '\r\n')],
    ['no last line end', (text: string) => text.slice(0, -1)],
    ['a byte order mark', (text: string) => `\uFEFF${text}`],
    ['needless quotes', (text: string) => text.replaceAll(/[^,\n]+/g, '"$&"')],
    ['numbers written as floats', (text: string) => text.replaceAll(/,(\d+)\n/g, ',$1.0\n')],
  ])('with %s is read alike', (_, change) => {
    const text = reply(['1.5', '2', '3']);
    expect(recordsOf(read(wireOf(), numbered(3), change(text)))).toEqual(['1.5', '2', '3']);
  });

  it('keeps quoted cells, of any content, as they are', () => {
    const label = fc.string({ unit: fc.constantFrom('a', 'é', '"', ',', '\n', '\r', ' ', '1') });
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 20 }), fc.boolean(), (labels, crlf) => {
        const quoted = labels.map((text) => `"x${text.replaceAll('"', '""')}"`);
        const lines = quoted.map((text, row) => `0.25,0.75,${text},${row}`);
        const header = 't_a_PREDICTION,t_b_PREDICTION,t_PREDICTION,__sluice_row__';
        const end = crlf ? '\r\n' : '\n';
        const scores = read(wireOf(), numbered(labels.length), [header, ...lines, ''].join(end));
        expect(parse(Buffer.from(scores.bytes))).toEqual(labels.map((text) => ['0.25', '0.75', `x${text}`]));
        expect(scores.ends.at(-1)).toBe(scores.bytes.length);
      }),
    );
  });

  it('tells the columns by their names', () => {
    const names = [
      'a b_x_PREDICTION',
      'a b_y_PREDICTION',
      'a b_PREDICTION',
      'THRESHOLD',
      'POSITIVE_CLASS',
      'EXPLANATION_1_FEATURE_NAME',
      'EXPLANATION_1_STRENGTH',
      'EXPLANATION_1_ACTUAL_VALUE',
      'EXPLANATION_12_QUALITATIVE_STRENGTH',
      'SHAP_BASE_VALUE',
      'IS_OUTLIER_PREDICTION',
      'DEPLOYMENT_APPROVAL_STATUS',
      'constructor',
    ];
    const record = '.5,.5,x,.5,x,f,1,2,+++,0.1,False,APPROVED,?';
    const scores = read(wireOf(), numbered(1), `${names.join(',')},__sluice_row__\n${record},0\n`);
    expect(scores.columns.map((column) => column.role)).toEqual([
      { kind: 'probability', label: 'x' },
      { kind: 'probability', label: 'y' },
      { kind: 'prediction' },
      { kind: 'threshold' },
      { kind: 'positiveClass' },
      { kind: 'explanation', rank: 1, part: 'name' },
      { kind: 'explanation', rank: 1, part: 'strength' },
      { kind: 'explanation', rank: 1, part: 'value' },
      { kind: 'explanation', rank: 12, part: 'qualitative' },
      { kind: 'shap' },
      { kind: 'outlier' },
      { kind: 'approval' },
      { kind: 'other' },
    ]);
  });

  it.each(['', 'NaN', 'nan', 'inf', '-inf', 'Infinity', '""', 'null', '.', '-'])(
    'fails the row alone whose prediction is "%s"',
    (value) => {
      const scores = read(wireOf(), numbered(3), reply(['1', value, '3']));
      expect(scores.failures.map((failure) => failure.row)).toEqual([1]);
      expect(scores.failures[0]!.attempts).toBe(1);
      expect(recordsOf(scores)[2]).toBe('3');
      expect(parse(Buffer.from(scores.bytes))).toHaveLength(3);
    },
  );

  it('fails a row with a blank label, and takes any text for one', () => {
    const header = 't_a_PREDICTION,t_b_PREDICTION,t_PREDICTION,__sluice_row__\n';
    const scores = read(wireOf(), numbered(3), `${header}.5,.5,,0\n.5,.5,NaN,1\n,.5,a,2\n`);
    expect(scores.failures.map((failure) => failure.row)).toEqual([0, 2]);
  });

  it('consumes prediction_status, and fails the rows that are not OK with its text', () => {
    const text = 'y_PREDICTION,prediction_status,__sluice_row__\n1,OK,0\n,"distance: ""abc"", no number",1\n3,OK,2\n';
    const scores = read(wireOf(), numbered(3), text);
    expect(scores.columns.map((column) => column.name)).toEqual(['y_PREDICTION']);
    expect(scores.failures).toEqual([{ row: 1, reason: 'distance: "abc", no number', attempts: 1 }]);
    expect(recordsOf(scores)).toEqual(['1', '[distance: "abc", no number]', '3']);
  });

  it('in which every row failed has no columns', () => {
    const scores = read(wireOf(), numbered(2), 'y_PREDICTION,__sluice_row__\n,0\nNaN,1\n');
    expect(scores.columns).toEqual([]);
    expect(scores.bytes).toHaveLength(0);
    expect(scores.failures).toHaveLength(2);
  });

  it('names the model that answered', () => {
    const headers = { 'x-datarobot-model-id': '5f' };
    const scores = wireOf().read(numbered(1), { status: 200, headers, body: Buffer.from(reply(['1'])) });
    expect(scores.model).toEqual({ id: '5f' });
  });
});

describe('a CSV reply that does not match its rows', () => {
  const rows = 40;
  const lines = Array.from({ length: rows }, (_, row) => `${row * 1.5},${row}`);
  const header = 'y_PREDICTION,__sluice_row__';
  const good = [header, ...lines, ''].join('\n');

  it.each([
    ['missing', lines.toSpliced(7, 1), 'lacks row 7'],
    ['doubled', [...lines.slice(0, 8), lines[7]!, ...lines.slice(9)], 'has row 7 more than once'],
    ['added', [...lines, '9,40'], 'has 41 rows for 40'],
    ['swapped', lines.with(3, lines[4]!).with(4, lines[3]!), 'in another order'],
    ['none', [], 'has 0 rows for 40'],
  ])('is refused with its rows %s', (_, changed, message) => {
    const text = [header, ...changed, ''].join('\n');
    expect(() => read(wireOf(), numbered(rows), text)).toThrow(message);
  });

  it.each([
    ['', 'is empty'],
    ['<html>\n', 'no prediction column|does not give back'],
    ['y_PREDICTION\n1\n', 'does not give back the column'],
    ['__sluice_row__\n0\n', 'no prediction column'],
    ['y_PREDICTION,__sluice_row__\n1,0,2\n', 'has not the 2 cells'],
    ['y_PREDICTION,__sluice_row__\n"1,0\n', 'never closed'],
    ['y_PREDICTION,__sluice_row__\n1"2,0\n', 'has not the 2 cells'],
    ['y_PREDICTION,__sluice_row__\n1\r2,0\n', 'has not the 2 cells'],
    ['y_PREDICTION,__sluice_row__', 'has 0 rows'],
  ])('as %j is refused with a reason', (text, message) => {
    expect(() => read(wireOf(), numbered(1), text)).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
    expect(() => read(wireOf(), numbered(1), text)).toThrow(new RegExp(message));
  });

  it('is refused however its records are moved, doubled or lost', () => {
    fc.assert(
      fc.property(editsOf(rows), (edits) => {
        const text = [header, ...edited(lines, edits), ''].join('\n');
        if (text === good) return;
        expect(() => read(wireOf(), numbered(rows), text)).toThrow(
          expect.objectContaining({ code: 'REPLY_MISMATCH', scope: 'batch' }),
        );
      }),
    );
  });

  it('is refused wherever it is cut, unless nothing is lost', () => {
    for (let cut = 0; cut < good.length - 1; cut += 1) {
      expect(() => read(wireOf(), numbered(rows), good.slice(0, cut)), `cut at ${cut}`).toThrow(
        expect.objectContaining({ code: 'REPLY_MISMATCH' }),
      );
    }
    expect(recordsOf(read(wireOf(), numbered(rows), good.slice(0, -1)))).toHaveLength(rows);
  });

  it('never gives a row another prediction than its own, whatever byte changes', () => {
    const expected = recordsOf(read(wireOf(), numbered(rows), good));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.constantFrom(',', '\n', '\r', '"', '0', 'x', ''), (at, byte) => {
        const text = `${good.slice(0, at)}${byte}${good.slice(at + 1)}`;
        let scores: Scores;
        try {
          scores = read(wireOf(), numbered(rows), text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'REPLY_MISMATCH' });
          return;
        }
        // A changed digit of one prediction cannot be told; no other row may be touched by it.
        const found = scores.columns.length === 0 ? [] : recordsOf(scores);
        expect(found.filter((record, row) => record !== expected[row]).length).toBeLessThanOrEqual(1);
        expect(found).toHaveLength(rows);
      }),
      { numRuns: 500 },
    );
  });

  it('is told by its count where the server refuses the column with the numbers', () => {
    const wire = wireOf({ rowWitness: false });
    const request = wire.request(numbered(2));
    expect(Buffer.from(request.body!).toString()).toBe('id,text\n0,row 0\n1,row 1\n');
    expect(recordsOf(read(wire, numbered(2), 'y_PREDICTION\n1\n2\n'))).toEqual(['1', '2']);
    expect(() => read(wire, numbered(2), 'y_PREDICTION\n1\n')).toThrow('has 1 rows for 2');
    expect(() => read(wire, numbered(2), 'y_PREDICTION\n1\n2.3')).toThrow('breaks off');
    expect(recordsOf(read(wire, numbered(2), 'y_PREDICTION\n\n2\n'))).toEqual(['[the prediction is blank]', '2']);
  });

  it('may change its columns between two replies', () => {
    const wire = wireOf();
    expect(read(wire, numbered(1), reply(['1'])).columns).toHaveLength(1);
    const wider = 'y_PREDICTION,IS_OUTLIER_PREDICTION,__sluice_row__\n1,False,0\n';
    expect(read(wire, numbered(1), wider).columns).toHaveLength(2);
    expect(read(wire, numbered(1), reply(['1'])).columns).toHaveLength(1);
  });
});
