import { Command, InvalidArgumentError } from 'commander';
import { SluiceError } from '../../core/error.ts';
import { compareOutputs } from '../../jobs/compare/compare-outputs.ts';
import type { Comparison, LabelFlips, ScoreShift } from '../../jobs/compare/comparison.ts';
import { count } from '../progress-text.ts';
import { wholeNumber } from '../whole-number.ts';

interface Options {
  readonly key?: readonly string[];
  readonly columns?: readonly string[];
  readonly scores?: readonly string[];
  readonly label?: string;
  readonly tolerance: number;
  readonly failAbove?: number;
  readonly memory?: number;
  readonly delimiter?: string;
  readonly quotechar?: string;
  readonly encoding?: string;
  readonly json: boolean;
}

/** `sluice compare A B`. */
export function compareCommand(): Command {
  return new Command('compare')
    .description('Compares two scored outputs: rows that changed, how the scores moved, which labels flipped.')
    .argument('<a>', 'a scored file of any format, a folder of parts or a pattern; .gz and .zst are unpacked')
    .argument('<b>', 'the other one, with the same columns')
    .option(
      '--key <columns>',
      'pair rows by these columns instead of their place; holds the rows of <a> in memory',
      names,
    )
    .option('--columns <columns>', 'compare only these (all)', names)
    .option('--scores <columns>', 'numeric predictions whose shift is told (those named ..._PREDICTION)', names)
    .option('--label <column>', 'label whose flips are told (the _PREDICTION with classes, or with text)')
    .option('--tolerance <number>', 'numbers this close are the same', notNegative, 1e-9)
    .option(
      '--fail-above <share>',
      'exit 3 when more than this share of the rows (0 to 1) changed or is in one only',
      share,
    )
    .option('--memory <MB>', 'what a join by --key may take (512)', wholeNumber)
    .option('--delimiter <char>', 'one character, or tab')
    .option('--quotechar <char>', 'one character')
    .option('--encoding <name>', 'text encoding of both')
    .option('--json', 'print one line of JSON', false)
    .addHelpText(
      'after',
      `
Differences are b - a; their percentiles are within 0.5 % of the value. Without --key the outputs must have the same
number of rows in the same order, and memory does not grow with them.

Examples:
  sluice compare champion.csv challenger.csv
  sluice compare before.csv.gz after.csv.zst --key flight_id --tolerance 1e-6
  sluice compare monday/ tuesday/ --key id --columns y_PREDICTION --json
  sluice compare golden.csv scored.csv --fail-above 0

Exit codes: 0 compared, 1 an output cannot be read, 2 they cannot be compared, 3 more changed than --fail-above.`,
    )
    .action(async (a: string, b: string, options: Options) => {
      const comparison = await compareOutputs(a, b, {
        ...given({
          key: options.key,
          columns: options.columns,
          scores: options.scores,
          label: options.label,
          memoryBytes: options.memory === undefined ? undefined : options.memory * 2 ** 20,
        }),
        tolerance: options.tolerance,
        csvSettings: given({
          delimiter: options.delimiter,
          quotechar: options.quotechar,
          encoding: options.encoding,
        }),
      });
      process.stdout.write(options.json ? `${JSON.stringify(comparison)}\n` : comparisonText(comparison));
      const { differing } = comparison;
      if (options.failAbove !== undefined && differing.share > options.failAbove) {
        throw new SluiceError(
          'VERIFY_FAILED',
          `${count(differing.rows)} rows (${percent(differing.share)}) of ${a} and ${b} changed or are in one only, ` +
            `more than --fail-above ${options.failAbove}.`,
        );
      }
    });
}

function comparisonText({ a, b, key, rows, changed, tolerance, columns, scores, labels }: Comparison): string {
  const paired = key === null ? 'paired by their place' : `paired by ${key.join(', ')}`;
  const lines = [
    `a  ${a}: ${count(rows.a)} rows`,
    `b  ${b}: ${count(rows.b)} rows`,
    `${count(rows.compared)} rows in both, ${paired}; ${count(rows.onlyInA)} only in a, ${count(rows.onlyInB)} only in b`,
    `${count(changed.rows)} rows changed (${percent(changed.share)}; numbers beyond ${tolerance})`,
    ...columns.filter((column) => column.changed > 0).map((column) => `  ${column.name}: ${count(column.changed)}`),
    ...scores.flatMap(shiftLines),
    ...labels.flatMap(flipLines),
  ];
  if (scores.length + labels.length === 0 && rows.compared > 0)
    lines.push('No column looks like a prediction (..._PREDICTION); name them with --scores and --label.');
  return `${lines.join('\n')}\n`;
}

function shiftLines(shift: ScoreShift): string[] {
  const { column, pairs, onlyInA, onlyInB } = shift;
  const blank = onlyInA + onlyInB > 0 ? `; ${count(onlyInA)} only in a, ${count(onlyInB)} only in b` : '';
  const head = `score ${column}: ${count(pairs)} pairs${blank}`;
  if (pairs === 0) return [head];
  const figures = [
    `mean ${figure(shift.mean)}`,
    `mean absolute ${figure(shift.meanAbsolute)}`,
    `p50 ${figure(shift.p50)}`,
    `p95 ${figure(shift.p95)}`,
    `p99 ${figure(shift.p99)}`,
    `max ${figure(shift.max)}`,
  ];
  return [head, `  b - a: ${figures.join('  ')}`];
}

function flipLines({ column, rows, share, top }: LabelFlips): string[] {
  return [
    `label ${column}: ${count(rows)} flipped (${percent(share)})`,
    ...top.map((flip) => `  ${flip.from ?? '(blank)'} -> ${flip.to ?? '(blank)'}: ${count(flip.rows)}`),
  ];
}

/** Three digits tell enough; an exact zero stays one. */
function figure(value: number | null): string {
  return value === null ? '-' : String(Number(value.toPrecision(3)));
}

/** Never `0 %` or `100 %` when it is not. */
function percent(share: number): string {
  const text = (100 * share).toPrecision(3);
  return share === 0 || share === 1 ? `${100 * share} %` : `${text === '100' ? '> 99.9' : Number(text)} %`;
}

/** The options that were given. */
function given<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

function names(text: string): readonly string[] {
  const found = text.split(',').filter((name) => name !== '');
  if (found.length === 0) throw new InvalidArgumentError('it must name a column.');
  return found;
}

function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0)
    throw new InvalidArgumentError('it must be a number from 0 up.');
  return value;
}

function share(text: string): number {
  const value = notNegative(text);
  if (value > 1) throw new InvalidArgumentError('it must be from 0 to 1.');
  return value;
}
