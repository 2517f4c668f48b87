/**
 * Joins 78-byte rows of 13 columns with their scores and prints rows per second and CPU seconds per million rows.
 * Run: node test/bench/join.ts [batches]
 */
import { RowBatch } from '../../src/core/row-batch.ts';
import { schemaOf } from '../../src/core/schema.ts';
import type { ScoreColumn, Scores } from '../../src/core/scorer.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { defaultOutputSettings, type OutputSettings } from '../../src/scoring/output/output-settings.ts';

const ROWS = 5_000;
const batches = Number(process.argv[2] ?? 1_000);
const encoder = new TextEncoder();

/** Lines as canonical records. */
function records(line: (row: number) => string): { readonly bytes: Uint8Array; readonly ends: Uint32Array } {
  const ends = new Uint32Array(ROWS);
  let text = '';
  for (let row = 0; row < ROWS; row += 1) {
    text += `${line(row)}\n`;
    ends[row] = text.length;
  }
  return { bytes: encoder.encode(text), ends };
}

const names = ['id', ...Array.from({ length: 12 }, (_, i) => `feature_${i}`)];
const schema = schemaOf(names);
const rows = records((row) => {
  const cells = Array.from({ length: 12 }, (_, i) => ((row * 7919 + i * 104_729) % 99_991).toString().slice(0, 5));
  return [String(1_000_000 + row), ...cells].join(',').padEnd(77, '0').slice(0, 77);
});
const origin = { split: 'bench', firstRow: 0, after: null, position: 0, rejected: [] };
const batch = RowBatch.fromCsv(schema, origin, rows.bytes, rows.ends);

const regression: readonly ScoreColumn[] = [{ name: 'delay_PREDICTION', role: { kind: 'prediction' } }];
const binary: readonly ScoreColumn[] = [
  { name: 'late_yes_PREDICTION', role: { kind: 'probability', label: 'yes' } },
  { name: 'late_no_PREDICTION', role: { kind: 'probability', label: 'no' } },
  { name: 'late_PREDICTION', role: { kind: 'prediction' } },
  { name: 'THRESHOLD', role: { kind: 'threshold' } },
  { name: 'POSITIVE_CLASS', role: { kind: 'positiveClass' } },
];
const numbers = records((row) => (12.345_67 + (row % 80)).toFixed(5));
const classes = records((row) => `0.${1000 + (row % 8999)},0.${9999 - (row % 8999)},no,0.5,yes`);

const scoresOf = (
  columns: readonly ScoreColumn[],
  from: typeof numbers,
  failures: Scores['failures'] = [],
): Scores => ({
  rows: ROWS,
  columns,
  ...from,
  failures,
  model: null,
});
const failed = Array.from({ length: ROWS / 100 }, (_, i) => ({ row: i * 100, reason: 'bad value', attempts: 9 }));

const cases: readonly (readonly [string, Partial<OutputSettings>, Scores])[] = [
  ['regression, id passed through', { passthroughColumns: ['id'] }, scoresOf(regression, numbers)],
  ['regression, last column passed through', { passthroughColumns: ['feature_11'] }, scoresOf(regression, numbers)],
  [
    'regression, three columns scattered',
    { passthroughColumns: ['feature_9', 'id', 'feature_4'] },
    scoresOf(regression, numbers),
  ],
  ['regression, all columns', { passthroughColumnsSet: 'all' }, scoresOf(regression, numbers)],
  [
    'regression, id, status, 1 % failed',
    { passthroughColumns: ['id'], includePredictionStatus: true },
    scoresOf(regression, numbers, failed),
  ],
  ['binary, id', { passthroughColumns: ['id'] }, scoresOf(binary, classes)],
  [
    'binary, id, threshold made anew',
    { passthroughColumns: ['id'], predictionThreshold: 0.4 },
    scoresOf(binary, classes),
  ],
];

process.stdout.write(
  `node ${process.version}, ${batches} batches of ${ROWS} rows, ${batch.bytes.length / ROWS} bytes a row\n`,
);
for (const [name, settings, scores] of cases) {
  const format = createOutputFormat({ ...defaultOutputSettings, ...settings }, schema);
  let bytes = 0;
  for (let i = 0; i < 20; i += 1) format.render(batch, scores);
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let i = 0; i < batches; i += 1) bytes += format.render(batch, scores).bytes.length;
  const seconds = (performance.now() - start) / 1_000;
  const used = process.cpuUsage(cpu);
  const millions = (batches * ROWS) / 1e6;
  process.stdout.write(
    `${name.padEnd(42)} ${(millions / seconds).toFixed(2).padStart(6)} M rows/s  ` +
      `${((used.user + used.system) / 1e6 / millions).toFixed(3)} CPU-s per M rows  ${(bytes / 1e6 / millions).toFixed(1)} bytes a row\n`,
  );
}
