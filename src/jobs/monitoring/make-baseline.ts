import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Source } from '../../core/source.ts';
import { type Baseline, MOST_FEATURES } from '../../monitoring/baseline.ts';
import { buildBaseline } from '../../monitoring/build-baseline.ts';
import { nameList, nearestNames } from '../../scoring/output/nearest-name.ts';
import { classifies, columnsOf, STATUS_COLUMN } from '../../scoring/wires/datarobot-columns.ts';

/** Rows that a baseline is made of, and how people call them. */
export interface BaselineInput {
  readonly source: Source;
  readonly description: string;
}

export interface BaselineRequest {
  readonly rows: BaselineInput;
  /** A scored output, where the predictions are not in `rows`. */
  readonly predictions: BaselineInput | null;
  /** Only these features; null: all but `exclude`. */
  readonly features: readonly string[] | null;
  readonly exclude: readonly string[];
  readonly clock: Clock;
}

const LIMITS = { rows: 10_000, bytes: 4 * 1024 * 1024, lingerMs: Number.POSITIVE_INFINITY };

/**
 * The baseline of a deployment: features of the rows that its model was made of, and predictions of rows that the model did not see. Columns
 * that are named as a reply names them are predictions, all others features. Closes the sources. Throws what they throw, COLUMN_UNKNOWN, and
 * INTAKE_EMPTY.
 */
export async function makeBaseline(
  { rows, predictions, features, exclude, clock }: BaselineRequest,
  signal: AbortSignal,
): Promise<Baseline> {
  await using source = rows.source;
  await using scored = predictions?.source;
  const readRows = await readerOf(source, signal);
  const chosen = await buildBaseline({
    name: rows.description,
    read: readRows,
    choose: (columns) => featuresOf(columns, features, exclude),
    labels: () => [],
  });
  const readScored = scored === undefined ? readRows : await readerOf(scored, signal);
  const spread = await buildBaseline({
    name: (predictions ?? rows).description,
    read: readScored,
    choose: predictionsOf,
    labels: labelsOf,
  });
  if (predictions !== null && spread.columns.length === 0)
    throw new SluiceError(
      'COLUMN_UNKNOWN',
      `${predictions.description} has no column that ends in _PREDICTION; name a scored output with --predictions.`,
    );
  const from = predictions === null ? '' : `; predictions from ${predictions.description}`;
  return {
    version: 1,
    source: `${rows.description}${from}`,
    created: new Date(clock.wall()).toISOString(),
    rows: chosen.rows,
    features: chosen.columns,
    predictions: spread.columns,
  };
}

async function readerOf(source: Source, signal: AbortSignal): Promise<() => AsyncIterable<RowBatch>> {
  await source.identity(signal);
  const splits = await source.splits(signal);
  return async function* () {
    for (const split of splits) yield* source.read(split, null, LIMITS, signal);
  };
}

/** Columns that only a reply has are no features. */
function featuresOf(
  columns: readonly string[],
  wanted: readonly string[] | null,
  exclude: readonly string[],
): readonly string[] {
  for (const name of [...(wanted ?? []), ...exclude]) {
    if (columns.includes(name)) continue;
    const near = nearestNames(name, columns);
    const hint = near.length > 0 ? `did you mean ${nameList(near)}?` : `they are ${nameList(columns)}.`;
    throw new SluiceError('COLUMN_UNKNOWN', `"${name}" is none of the columns; ${hint}`);
  }
  const made = new Set(columnsOf(columns).flatMap(({ name, role }) => (role.kind === 'other' ? [] : [name])));
  const possible = columns.filter((name) => !made.has(name) && name !== STATUS_COLUMN);
  return (wanted ?? possible).filter((name) => !exclude.includes(name)).slice(0, MOST_FEATURES);
}

function predictionsOf(columns: readonly string[]): readonly string[] {
  return columnsOf(columns)
    .filter(({ role }) => role.kind === 'prediction' || role.kind === 'probability')
    .map(({ name }) => name);
}

function labelsOf(columns: readonly string[]): readonly string[] {
  const roles = columnsOf(columns);
  return classifies(roles) ? roles.flatMap(({ name, role }) => (role.kind === 'prediction' ? [name] : [])) : [];
}
