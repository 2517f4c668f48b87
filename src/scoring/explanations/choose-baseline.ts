import { encodeRecords } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { Scorer } from '../../core/scorer.ts';
import { classCells } from '../output/prediction-columns.ts';
import { balancedChoice } from './balanced-choice.ts';
import type { BaselineSample } from './baseline-sample.ts';
import { type ExplainedValues, explainedValues } from './explained-value.ts';

export interface ChooseOptions {
  readonly scorer: Scorer;
  readonly sample: BaselineSample;
  /** Rows of one request. */
  readonly requestRows: number;
  readonly onRequest: (rows: number) => void;
}

type Fields = readonly (string | null)[];

/** What the model says of some records: per record one number for each class that may be explained; null where it was refused. */
type Answers = readonly (readonly number[] | null)[];

/** Copies that a choice may cost, and the most rows that a value is tried in. */
export const CHOICE_COPIES = 20_000;
const ANCHORS = 5;

/**
 * Chooses the baseline rows of a sample, by index: those that stand for all of it in what the model makes of them. Means over few rows are
 * what explanations are least certain by; so the predictions of the chosen rows have the mean of all, and so has what each feature's values do to
 * the predictions of some other rows. Measured on the flights of test/bench/occlusion.ts this is worth as much as twice the rows.
 *
 * Rows that the server refuses are left out: every copy with them would be refused too. Where rows have columns that the sample lacks,
 * the model cannot be asked about it, and the choice is spread evenly. Throws CONFIG_INVALID when the server refuses all of them.
 */
export async function chooseBaseline(
  schema: Schema,
  options: ChooseOptions,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { rows, columns, chosen, features } = options.sample;
  const at = columnNames(schema).map((name) => columns.indexOf(name));
  if (at.includes(-1)) return balancedChoice([], rows.length, chosen);
  const records = rows.map((row): Fields => at.map((index) => row[index]!));
  const ask = (some: readonly Fields[]): Promise<Answers> => answersOf(schema, some, options, signal);
  const own = await ask(records);
  const usable = own.flatMap((answer, row) => (answer === null ? [] : [row]));
  if (usable.length === 0) throw nothingUsable(rows.length);
  if (usable.length <= chosen) return usable;

  const traits = traitsOf(usable.map((row) => own[row]!));
  const perFeature = Math.max(1, Math.floor(CHOICE_COPIES / (usable.length * features.length)));
  const anchors = spread(usable, Math.min(ANCHORS, perFeature)).map((row) => records[row]!);
  const names = columnNames(schema);
  // By name, so that the order of the columns makes no difference.
  const places = features
    .filter((feature) => names.includes(feature))
    .toSorted()
    .map((feature) => names.indexOf(feature));
  for (const place of places) {
    const effects: Answers[] = [];
    for (const anchor of anchors) {
      effects.push(await ask(usable.map((row) => anchor.with(place, records[row]![place]!))));
    }
    const means = usable.flatMap((_, i) => meanOf(effects.map((answers) => answers[i] ?? null)) ?? []);
    // A feature with a value that the server takes in none of the rows cannot be compared.
    if (means.length === usable.length) traits.push(...traitsOf(means));
  }
  return balancedChoice(traits, usable.length, chosen).map((i) => usable[i]!);
}

/** One list per class, of the numbers of all rows. */
function traitsOf(answers: readonly (readonly number[])[]): Float64Array[] {
  return Array.from(answers[0] ?? [], (_, label) => Float64Array.from(answers, (answer) => answer[label] ?? 0));
}

/** By class the mean of the answers that there are, in a list of its own; null for none. */
function meanOf(answers: Answers): readonly [readonly number[]] | null {
  const given = answers.filter((answer) => answer !== null);
  const [first] = given;
  if (first === undefined) return null;
  return [first.map((_, label) => given.reduce((sum, answer) => sum + answer[label]!, 0) / given.length)];
}

async function answersOf(
  schema: Schema,
  records: readonly Fields[],
  { scorer, requestRows, onRequest }: ChooseOptions,
  signal: AbortSignal,
): Promise<Answers> {
  const answers: (readonly number[] | null)[] = [];
  for (let from = 0; from < records.length; from += requestRows) {
    const { bytes, ends } = encodeRecords(records.slice(from, from + requestRows));
    const origin = { split: 'baseline', firstRow: 0, after: null, position: null, rejected: [] };
    const scores = await scorer.score(RowBatch.fromCsv(schema, origin, bytes, ends), signal);
    onRequest(ends.length);
    const failed = new Set(scores.failures.map(({ row }) => row));
    const values: ExplainedValues | null = scores.columns.length === 0 ? null : explainedValues(scores.columns);
    const { probabilities } = classCells(scores.columns);
    for (let row = 0; row < ends.length; row += 1) {
      if (values === null || failed.has(row)) {
        answers.push(null);
        continue;
      }
      const labels = probabilities.length > 2 ? probabilities.map(({ label }) => label) : [values.classOf(scores, row)];
      const numbers = labels.map((label) => values.valueOf(scores, row, label));
      answers.push(numbers.every(Number.isFinite) ? numbers : null);
    }
    scores.release?.();
  }
  return answers;
}

function spread(rows: readonly number[], count: number): readonly number[] {
  return Array.from({ length: Math.min(count, rows.length) }, (_, i) => rows[Math.floor((i * rows.length) / count)]!);
}

function nothingUsable(rows: number): SluiceError {
  return new SluiceError(
    'CONFIG_INVALID',
    `The prediction server refuses all of the ${rows} baseline rows that explanations would need; give rows that it can score in explanation.baseline.`,
  );
}
