import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findSluiceError } from '../../../../src/core/error.ts';
import { columnNames, schemaOf } from '../../../../src/core/schema.ts';
import type { ScoreColumn } from '../../../../src/core/scorer.ts';
import { createOutputFormat } from '../../../../src/scoring/output/output-format.ts';
import type { OutputSettings } from '../../../../src/scoring/output/output-settings.ts';
import { type NaiveInput, naiveOutput, quote } from './naive-output.ts';
import { batchOf, explanationColumns, failedScores, linesOf, scoresOf } from './score-cells.ts';

const text = fc.oneof(
  fc.constantFrom(
    '',
    '007',
    '0.50',
    ' padded ',
    '"',
    '""',
    'a,b',
    'two\nlines',
    'cr\r\nlf',
    'é',
    '航班',
    '👩‍🚀',
    'x'.repeat(200),
  ),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
);
/** Canonical fields: also quoted where they need not be, as sources keep them, and null. */
const field = fc.oneof(
  text.map(quote),
  text.map((value) => `"${value.replaceAll('"', '""')}"`),
  fc.constant(''),
);
const name = fc.oneof(
  text.filter((value) => value !== ''),
  fc.constantFrom('id', 'flight_id', 'THRESHOLD', 'prediction_status'),
);
const number = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(0, 0.25, 0.5, 0.75, 1)).map(String);

const targets: readonly (readonly ScoreColumn[])[] = [
  [{ name: 't_PREDICTION', role: { kind: 'prediction' } }],
  ['yes', 'no, "not"'].map((label) => ({ name: `t_${label}_PREDICTION`, role: { kind: 'probability', label } })),
  ['a', 'b', 'c'].map((label) => ({ name: `t_${label}_PREDICTION`, role: { kind: 'probability', label } })),
];

const replyColumns = fc
  .record({
    target: fc.nat({ max: 2 }),
    extra: fc.boolean(),
    ranks: fc.nat({ max: 3 }),
    shap: fc.boolean(),
    outlier: fc.boolean(),
    approval: fc.boolean(),
  })
  .map(({ target, extra, ranks, shap, outlier, approval }): ScoreColumn[] => [
    ...targets[target]!,
    ...(target > 0 ? ([{ name: 't_PREDICTION', role: { kind: 'prediction' } }] as const) : []),
    ...(target === 1 && extra
      ? ([
          { name: 'THRESHOLD', role: { kind: 'threshold' } },
          { name: 'POSITIVE_CLASS', role: { kind: 'positiveClass' } },
        ] as const)
      : []),
    ...(shap
      ? ([
          { name: 'SHAP_REMAINING_TOTAL', role: { kind: 'shap' } },
          { name: 'SHAP_BASE_VALUE', role: { kind: 'shap' } },
        ] as const)
      : []),
    ...Array.from({ length: ranks }, (_, i) => explanationColumns(i + 1)).flat(),
    ...(approval ? ([{ name: 'DEPLOYMENT_APPROVAL_STATUS', role: { kind: 'approval' } }] as const) : []),
    ...(outlier ? ([{ name: 'IS_OUTLIER_PREDICTION', role: { kind: 'outlier' } }] as const) : []),
  ]);

const scoreCell = (column: ScoreColumn, prediction: fc.Arbitrary<string>): fc.Arbitrary<string> => {
  if (column.role.kind === 'probability') return number;
  if (column.role.kind === 'prediction') return prediction;
  return column.role.kind === 'positiveClass' ? fc.constantFrom('yes', quote('no, "not"'), '"yes"') : field;
};

const someOf = (from: readonly string[]): fc.Arbitrary<string[]> => fc.shuffledSubarray([...from]);

const problem = fc
  .record({
    intake: fc.uniqueArray(name, { minLength: 1, maxLength: 6 }),
    columns: replyColumns,
    rows: fc.integer({ min: 1, max: 8 }),
  })
  .chain(({ intake, columns, rows }) => {
    const labels = columns.flatMap(({ role }) => (role.kind === 'probability' ? [role.label] : []));
    const prediction = labels.length === 0 ? number : field;
    const threshold = fc.option(fc.constantFrom(0, 0.25, 0.5, 0.75, 1));
    const renames = fc.dictionary(
      fc.constantFrom(...intake, ...columns.map((column) => column.name)),
      fc.option(name),
      { maxKeys: 3 },
    );
    return fc.record({
      input: fc.record({
        intake: fc.constant(intake),
        columns: fc.constant(columns),
        model: fc.constantFrom(null, { id: 'm' }, { id: 'a, "b"', version: '2' }),
        rows: fc.array(fc.tuple(...intake.map(() => field)), { minLength: rows, maxLength: rows }),
        scores: fc.array(fc.tuple(...columns.map((column) => scoreCell(column, prediction))), {
          minLength: rows,
          maxLength: rows,
        }),
        failures: fc
          .array(
            fc.tuple(
              fc.nat({ max: rows - 1 }),
              fc.constantFrom('bad value', 'no, "really"', 'first\nsecond', 'x'.repeat(400)),
            ),
          )
          .map((list) => new Map(list)),
      }),
      settings: fc.record({
        passthroughColumns: someOf(intake),
        passthroughColumnsSet: fc.constantFrom('all' as const, null, null),
        associationId: fc.option(fc.constantFrom(...intake)),
        columnNamesRemapping: fc.oneof(fc.constant({}), renames).map((map) => new Map(Object.entries(map))),
        includeProbabilities: fc.boolean(),
        includeProbabilitiesClasses: fc.oneof(fc.constant([]), someOf(labels)),
        includePredictionStatus: fc.boolean(),
        includeModelVersion: fc.boolean(),
        predictionThreshold: threshold,
        maxExplanations: fc.nat({ max: 4 }),
        thresholdHigh: threshold,
        thresholdLow: threshold,
        predictionWarningEnabled: fc.boolean(),
      }),
    });
  });

function wholeRecord(cells: readonly string[]): readonly string[] {
  return cells.length === 1 && cells[0] === '' ? ['""'] : cells;
}

/** A single column of nulls is written `""`: there is no record to copy a null from. */
function canonicalRows(input: NaiveInput): NaiveInput {
  return { ...input, rows: input.rows.map(wholeRecord), scores: input.scores.map(wholeRecord) };
}

function check(settings: OutputSettings, raw: NaiveInput): 'equal' | 'refused' {
  const input = canonicalRows(raw);
  const naive = naiveOutput(settings, input);
  const batch = batchOf(input.intake, input.rows);
  const remapped = [...settings.columnNamesRemapping.keys()];
  const isUnknown = remapped.some((name) => !naive.offered.has(name));
  const isClash = new Set(naive.header).size < naive.header.length || naive.header.length === 0;
  const scored = { ...scoresOf(input.columns, input.scores, input.failures), model: input.model };
  try {
    const format = createOutputFormat(settings, schemaOf(input.intake));
    const before = format.render(batch, failedScores(input.rows.length, 'all failed'));
    expect(before.schema).toBeNull();
    const out = format.render(batch, scored);
    expect(columnNames(out.schema!)).toEqual(naive.header);
    expect(linesOf(out)).toEqual(naive.lines);
    expect(isClash || isUnknown).toBe(false);
    // What failed before the schema was known reads the same as what failed after.
    const failed = new Map(input.rows.map((_, row) => [row, 'all failed']));
    const completed = format.complete(before, out.schema!);
    expect(linesOf(completed)).toEqual(naiveOutput(settings, { ...input, failures: failed }).lines);
    const continued = createOutputFormat(settings, schemaOf(input.intake), { columns: columnNames(out.schema!) });
    expect(columnNames(continued.schema!)).toEqual(columnNames(out.schema!));
    expect(linesOf(continued.render(batch, failedScores(input.rows.length, 'all failed')))).toEqual(linesOf(completed));
    expect(linesOf(continued.render(batch, scored))).toEqual(naive.lines);
    return 'equal';
  } catch (error) {
    const code = findSluiceError(error)?.code;
    if (code === 'COLUMN_CONFLICT' || code === 'CONFIG_INVALID') {
      expect(isClash).toBe(true);
      return 'refused';
    }
    if (code !== 'COLUMN_UNKNOWN') throw error;
    expect(isUnknown).toBe(true);
    return 'refused';
  }
}

test('the joined bytes are those of a naive program, for any columns, settings and cells', () => {
  const seen = { equal: 0, refused: 0 };
  fc.assert(
    fc.property(problem, ({ input, settings }) => {
      seen[check(settings, input)] += 1;
    }),
    { numRuns: 2_000 },
  );
  expect(seen.equal).toBeGreaterThan(1_000);
});
