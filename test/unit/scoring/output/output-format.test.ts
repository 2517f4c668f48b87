import { describe, expect, test } from 'vitest';
import { columnNames, type Schema, schemaOf } from '../../../../src/core/schema.ts';
import type { ScoreColumn } from '../../../../src/core/scorer.ts';
import { createOutputFormat } from '../../../../src/scoring/output/output-format.ts';
import { defaultOutputSettings, type OutputSettings } from '../../../../src/scoring/output/output-settings.ts';
import {
  batchOf,
  binaryColumns,
  explanationColumns,
  failedScores,
  linesOf,
  regressionColumns,
  scoresOf,
} from './score-cells.ts';

const intake = ['id', 'name', 'distance'];
const rows = [
  ['007', '"a ""b"", c"', '12'],
  ['008', '"two\nlines"', ''],
  ['009', 'é', '3'],
];
const yes = ['0.7', '0.3', 'yes', '0.5', 'yes'];
const no = ['0.2', '0.8', 'no', '0.5', 'yes'];
const half = ['0.5', '0.5', 'yes', '0.5', 'yes'];

interface Table {
  readonly header: readonly string[];
  readonly lines: readonly string[];
}

function table(
  settings: Partial<OutputSettings>,
  columns: readonly ScoreColumn[],
  scores: readonly (readonly string[])[],
  failures?: ReadonlyMap<number, string>,
): Table {
  const format = createOutputFormat({ ...defaultOutputSettings, ...settings }, schemaOf(intake));
  const out = format.render(batchOf(intake, rows), scoresOf(columns, scores, failures));
  return { header: columnNames(out.schema!), lines: linesOf(out) };
}

const map = (entries: Record<string, string | null>): ReadonlyMap<string, string | null> =>
  new Map(Object.entries(entries));
const regression = [['1.5'], ['2.5'], ['3.5']];

describe('columns and their order', () => {
  test('regression has the prediction, then the passthrough columns verbatim', () => {
    const out = table({ passthroughColumns: ['name', 'id'] }, regressionColumns, regression);
    expect(out.header).toEqual(['delay_PREDICTION', 'name', 'id']);
    expect(out.lines).toEqual(['1.5,"a ""b"", c",007', '2.5,"two\nlines",008', '3.5,é,009']);
  });

  test('passthroughColumnsSet all copies every column and wins over the list, whatever that holds', () => {
    const out = table(
      { passthroughColumnsSet: 'all', passthroughColumns: ['nowhere', 'id', 'id'] },
      regressionColumns,
      regression,
    );
    expect(out.header).toEqual(['delay_PREDICTION', ...intake]);
    expect(out.lines[1]).toBe('2.5,008,"two\nlines",');
  });

  test.each([
    [{}, ['id']],
    [{ passthroughColumns: ['name', 'id'] }, ['name', 'id']],
    [{ passthroughColumns: ['name'] }, ['name', 'id']],
    [{ passthroughColumnsSet: 'all' as const }, intake],
  ])('the association ID is in the output once: %j', (settings, expected) => {
    const out = table({ associationId: 'id', ...settings }, regressionColumns, regression);
    expect(out.header).toEqual(['delay_PREDICTION', ...expected]);
  });

  test('binary without probabilities has neither THRESHOLD nor POSITIVE_CLASS', () => {
    expect(table({}, binaryColumns, [yes, no, half]).header).toEqual(binaryColumns.map((column) => column.name));
    expect(table({ includeProbabilities: false }, binaryColumns, [yes, no, half]).header).toEqual(['late_PREDICTION']);
    expect(table({ includeProbabilitiesClasses: ['no'] }, binaryColumns, [yes, no, half]).lines[0]).toBe(
      '0.3,yes,0.5,yes',
    );
  });

  test('explanations have four columns per rank asked for; missing ones are blank, further ones left out', () => {
    const columns = [...regressionColumns, ...explanationColumns(1), ...explanationColumns(2)];
    const scores = regression.map((cells) => [...cells, 'distance', '0.4', '12', '+++', 'name', '-0.1', '', '--']);
    const padded = table({ maxExplanations: 3 }, columns, scores);
    expect(padded.header).toEqual([
      'delay_PREDICTION',
      ...[1, 2, 3].flatMap((rank) => explanationColumns(rank).map((c) => c.name)),
    ]);
    expect(padded.lines[0]).toBe('1.5,distance,0.4,12,+++,name,-0.1,,--,,,,');
    expect(table({ maxExplanations: 1 }, columns, scores).lines[0]).toBe('1.5,distance,0.4,12,+++');
    expect(table({}, columns, scores).lines[0]).toBe('1.5');
  });

  test('the blocks come in their order whatever the order of the reply', () => {
    const columns: ScoreColumn[] = [
      { name: 'IS_OUTLIER_PREDICTION', role: { kind: 'outlier' } },
      { name: 'DEPLOYMENT_APPROVAL_STATUS', role: { kind: 'approval' } },
      ...regressionColumns,
      { name: 'delay_INTERVAL', role: { kind: 'other' } },
      { name: 'SHAP_BASE_VALUE', role: { kind: 'shap' } },
      ...explanationColumns(1),
    ];
    const out = table(
      { predictionWarningEnabled: true, maxExplanations: 1, includePredictionStatus: true, passthroughColumns: ['id'] },
      columns,
      regression.map((cells) => ['True', 'APPROVED', ...cells, '9', '0.1', 'distance', '1', '2', '+']),
    );
    expect(out.header.slice(0, 2)).toEqual(['delay_PREDICTION', 'delay_INTERVAL']);
    expect(out.lines[0]).toBe('1.5,9,distance,1,2,+,0.1,True,APPROVED,OK,007');
  });

  test('the outlier column is there only when it was asked for', () => {
    const columns: ScoreColumn[] = [...regressionColumns, { name: 'IS_OUTLIER_PREDICTION', role: { kind: 'outlier' } }];
    const scores = regression.map((cells) => [...cells, 'False']);
    expect(table({}, columns, scores).header).toEqual(['delay_PREDICTION']);
    expect(table({ predictionWarningEnabled: true }, columns, scores).lines[0]).toBe('1.5,False');
  });

  test('passthrough columns keep the types that the intake knows, predictions are numbers', () => {
    const typed: Schema = {
      columns: [{ name: 'id', type: 'integer' }, { name: 'name' }, { name: 'distance', type: 'number' }],
    };
    const format = createOutputFormat({ ...defaultOutputSettings, passthroughColumns: ['distance'] }, typed);
    format.render(batchOf(intake, rows), scoresOf(regressionColumns, regression));
    expect(format.schema?.columns).toEqual([
      { name: 'delay_PREDICTION', type: 'number' },
      { name: 'distance', type: 'number' },
    ]);
  });

  test('probabilities are numbers; labels are not, even those that look like one', () => {
    const format = createOutputFormat({ ...defaultOutputSettings, predictionThreshold: 0.5 }, schemaOf(intake));
    format.render(batchOf(intake, rows), scoresOf(binaryColumns, [yes, no, half]));
    expect(format.schema?.columns.map(({ type }) => type)).toEqual([
      'number',
      'number',
      undefined,
      'number',
      undefined,
    ]);
  });
});

describe('thresholds', () => {
  test('predictionThreshold makes label and THRESHOLD anew; positive is strictly greater', () => {
    const out = table({ predictionThreshold: 0.5 }, binaryColumns, [yes, no, half]);
    expect(out.lines).toEqual(['0.7,0.3,yes,0.5,yes', '0.2,0.8,no,0.5,yes', '0.5,0.5,no,0.5,yes']);
    expect(table({ predictionThreshold: 0.1 }, binaryColumns, [yes, no, half]).lines[1]).toBe('0.2,0.8,yes,0.1,yes');
  });

  test('the label follows POSITIVE_CLASS, also when the negative class comes first or nothing else is kept', () => {
    const swapped = yes.with(4, 'no');
    expect(table({ predictionThreshold: 0.6 }, binaryColumns, [swapped, no, half]).lines[0]).toBe('0.7,0.3,yes,0.6,no');
    const settings = { predictionThreshold: 0.6, includeProbabilities: false };
    expect(table(settings, binaryColumns, [yes, no, half]).lines).toEqual(['yes', 'no', 'no']);
  });

  test('predictionThreshold leaves regression alone', () => {
    expect(table({ predictionThreshold: 0.5 }, regressionColumns, regression).lines).toEqual(['1.5', '2.5', '3.5']);
  });

  test.each([
    [{ thresholdHigh: 3.5 }, [false, false, true]],
    [{ thresholdLow: 1.5 }, [true, false, false]],
    [{ thresholdHigh: 3, thresholdLow: 2 }, [true, false, true]],
  ])('explanations outside %j are kept, those between are blank', (settings, explained) => {
    const columns: ScoreColumn[] = [
      ...regressionColumns,
      ...explanationColumns(1),
      { name: 'SHAP_BASE_VALUE', role: { kind: 'shap' } },
    ];
    const scores = regression.map((cells) => [...cells, 'distance', '0.4', '12', '+++', '0.1']);
    const out = table({ maxExplanations: 1, ...settings }, columns, scores);
    expect(out.lines).toEqual(
      regression.map(([value], i) => (explained[i] ? `${value},distance,0.4,12,+++,0.1` : `${value},,,,,`)),
    );
  });

  test('a reply without a number where one is compared is refused, not guessed', () => {
    const settings = { thresholdHigh: 1, maxExplanations: 1 };
    expect(() => table(settings, regressionColumns, [['1'], ['many'], ['2']])).toThrow(
      expect.objectContaining({ code: 'REPLY_MISMATCH', message: expect.stringContaining('delay_PREDICTION') }),
    );
    expect(() => table({ predictionThreshold: 0.5 }, binaryColumns, [yes.with(4, 'maybe'), no, half])).toThrow(
      expect.objectContaining({ code: 'REPLY_MISMATCH' }),
    );
  });
});

describe('failed rows', () => {
  const failures = new Map([[1, 'distance: "abc" is no number\nsecond line']]);

  test('have blank predictions, the first line of the reason and their passthrough columns', () => {
    const out = table(
      { includePredictionStatus: true, passthroughColumns: ['id'] },
      binaryColumns,
      [yes, no, half],
      failures,
    );
    expect(out.header.at(-2)).toBe('prediction_status');
    expect(out.lines.slice(0, 2)).toEqual(['0.7,0.3,yes,0.5,yes,OK,007', ',,,,,"distance: ""abc"" is no number",008']);
  });

  test('a reason of 400 characters is cut to 300, never through a character', () => {
    const reason = new Map([[0, `${'x'.repeat(299)}👩${'x'.repeat(99)}`]]);
    const [line] = table({ includePredictionStatus: true }, regressionColumns, regression, reason).lines;
    expect(line).toBe(`,${'x'.repeat(299)}`);
  });

  test('the only cell of a failed row is written as "", never as an empty line', () => {
    expect(table({}, regressionColumns, regression, failures).lines).toEqual(['1.5', '""', '3.5']);
  });

  test('rows rendered before the schema was known are completed when it is', () => {
    const format = createOutputFormat({ ...defaultOutputSettings, passthroughColumns: ['id'] }, schemaOf(intake));
    const early = format.render(batchOf(intake, rows), failedScores(3, 'down'));
    expect(early.schema).toBeNull();
    expect(linesOf(early)).toEqual(['007', '008', '009']);
    expect(format.unscoredSchema()).toEqual(schemaOf(['id']));
    format.render(batchOf(intake, rows), scoresOf(binaryColumns, [yes, no, half]));
    const completed = format.complete(early, format.schema!);
    expect(completed.schema).toBe(format.schema);
    expect(linesOf(completed)).toEqual([',,,,,007', ',,,,,008', ',,,,,009']);
    expect(format.complete(completed, format.schema!)).toBe(completed);
    expect(linesOf(format.render(batchOf(intake, rows), failedScores(3, 'down')))).toEqual(linesOf(completed));
  });

  test('an output in which nothing was ever scored still has a column and a record per row', () => {
    const format = createOutputFormat(defaultOutputSettings, schemaOf(intake));
    const early = format.render(batchOf(intake, rows), failedScores(3, 'down'));
    expect(format.unscoredSchema()).toEqual(schemaOf(['prediction_status']));
    expect(linesOf(format.complete(early, format.unscoredSchema()))).toEqual(['""', '""', '""']);
  });
});

describe('remapping', () => {
  test('renames and drops any column; names may be swapped', () => {
    const columnNamesRemapping = map({
      delay_PREDICTION: 'id',
      id: 'delay_PREDICTION',
      prediction_status: null,
      name: 'who',
    });
    const settings = { columnNamesRemapping, includePredictionStatus: true, passthroughColumns: ['name', 'id'] };
    expect(table(settings, regressionColumns, regression).header).toEqual(['id', 'who', 'delay_PREDICTION']);
  });

  test('the predictions can be dropped as long as something is left', () => {
    const columnNamesRemapping = map({ delay_PREDICTION: null });
    expect(table({ columnNamesRemapping, passthroughColumns: ['id'] }, regressionColumns, regression).lines).toEqual([
      '007',
      '008',
      '009',
    ]);
    expect(() => table({ columnNamesRemapping }, regressionColumns, regression)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });

  test('of two columns with one name it means the passthrough column', () => {
    const columns: ScoreColumn[] = [{ name: 'id', role: { kind: 'prediction' } }];
    const settings = { passthroughColumns: ['id'], columnNamesRemapping: map({ id: 'flight' }) };
    expect(table(settings, columns, regression).header).toEqual(['id', 'flight']);
  });
});

function refuse(settings: Partial<OutputSettings>, code: string, text: string, columns = regressionColumns): void {
  expect(() => table(settings, columns, regression)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(text) }),
  );
}

describe('settings that do not fit', () => {
  test('an unknown passthrough column is named with the nearest one', () => {
    refuse({ passthroughColumns: ['distnace'] }, 'COLUMN_UNKNOWN', 'did you mean "distance"?');
    refuse({ associationId: 'flight' }, 'COLUMN_UNKNOWN', 'it has "id", "name", "distance"');
  });

  test('a header read as one column hints at the delimiter', () => {
    const settings = { ...defaultOutputSettings, passthroughColumns: ['id'] };
    expect(() => createOutputFormat(settings, schemaOf(['id;name;distance']))).toThrow('csvSettings.delimiter');
  });

  test('duplicates and conflicts are refused', () => {
    refuse({ passthroughColumns: ['id', 'id'] }, 'CONFIG_INVALID', '"id" twice');
    const clash: ScoreColumn[] = [{ name: 'id', role: { kind: 'prediction' } }];
    refuse({ passthroughColumns: ['id'] }, 'COLUMN_CONFLICT', 'columnNamesRemapping', clash);
    refuse(
      { passthroughColumns: ['id'], columnNamesRemapping: map({ delay_PREDICTION: 'id' }) },
      'COLUMN_CONFLICT',
      'another column',
    );
    refuse(
      { passthroughColumns: ['id', 'name'], columnNamesRemapping: map({ name: 'id' }) },
      'COLUMN_CONFLICT',
      'renames "name" to "id"',
    );
  });

  test('a remapping or class that no column has is named with the nearest one', () => {
    refuse(
      { columnNamesRemapping: map({ delay_PREDICTON: 'x' }) },
      'COLUMN_UNKNOWN',
      'did you mean "delay_PREDICTION"?',
    );
    expect(() => table({ includeProbabilitiesClasses: ['Yes!'] }, binaryColumns, [yes, no, half])).toThrow(
      'the classes "yes"',
    );
  });

  test('a passthrough column named prediction_status conflicts with the status before any row is sent', () => {
    const settings = { ...defaultOutputSettings, passthroughColumnsSet: 'all' as const, includePredictionStatus: true };
    const schema = schemaOf(['id', 'prediction_status']);
    expect(() => createOutputFormat(settings, schema)).toThrow(expect.objectContaining({ code: 'COLUMN_CONFLICT' }));
    const renamed = { ...settings, columnNamesRemapping: map({ prediction_status: 'status_before' }) };
    expect(createOutputFormat(renamed, schema).unscoredSchema()).toEqual(
      schemaOf(['prediction_status', 'id', 'status_before']),
    );
  });
});

describe('the schema never changes', () => {
  const settings = { ...defaultOutputSettings, passthroughColumns: ['id'] };
  const batch = batchOf(intake, rows);

  test('a reply with other columns than before is refused', () => {
    const format = createOutputFormat(settings, schemaOf(intake));
    format.render(batch, scoresOf(regressionColumns, regression));
    expect(() => format.render(batch, scoresOf(binaryColumns, [yes, no, half]))).toThrow(
      expect.objectContaining({ code: 'REPLY_MISMATCH' }),
    );
    expect(linesOf(format.render(batch, scoresOf([...regressionColumns], regression)))).toEqual([
      '1.5,007',
      '2.5,008',
      '3.5,009',
    ]);
  });

  test('a continued output knows its columns from the ledger and holds the replies to them', () => {
    const format = createOutputFormat(settings, schemaOf(intake), { columns: ['delay_PREDICTION', 'id'] });
    expect(linesOf(format.render(batch, failedScores(3, 'down')))).toEqual([',007', ',008', ',009']);
    expect(() => format.render(batch, scoresOf(binaryColumns, [yes, no, half]))).toThrow(
      expect.objectContaining({ code: 'REPLY_MISMATCH' }),
    );
    expect(() => createOutputFormat(settings, schemaOf(intake), { columns: ['delay_PREDICTION', 'name'] })).toThrow(
      expect.objectContaining({ code: 'LEDGER_BROKEN' }),
    );
    expect(createOutputFormat(settings, schemaOf(intake), { columns: null }).schema).toBeNull();
  });

  test('scores that are not one outcome per row are refused', () => {
    const format = createOutputFormat(settings, schemaOf(intake));
    for (const scores of [
      scoresOf(regressionColumns, regression.slice(1)),
      { ...scoresOf(regressionColumns, regression), failures: [{ row: 3, reason: 'x', attempts: 1 }] },
      failedScores(2, 'down'),
      { ...failedScores(3, 'down'), failures: [] },
    ]) {
      expect(() => format.render(batch, scores)).toThrow(expect.objectContaining({ code: 'REPLY_MISMATCH' }));
    }
  });
});
