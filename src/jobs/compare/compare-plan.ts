import { SluiceError } from '../../core/error.ts';
import { nameList, nearestNames } from '../../scoring/output/nearest-name.ts';
import type { CompareOptions } from './compare-options.ts';
import type { ColumnUse } from './compared-column.ts';

/** The names of prediction columns: `<target>_PREDICTION`, and `<target>_<class>_PREDICTION` for the classes. */
const PREDICTION = /^(?:(.+)_)?predictions?$/i;
const OUTLIER = 'IS_OUTLIER_PREDICTION';

/** Which cells are compared, by their places in the records of either side. */
export interface ComparePlan {
  readonly columns: readonly {
    readonly name: string;
    readonly use: ColumnUse;
    readonly a: number;
    readonly b: number;
  }[];
  readonly key: readonly { readonly name: string; readonly a: number; readonly b: number }[];
}

/** Throws CONFIG_INVALID when the columns are not the same, COLUMN_UNKNOWN when an option names one that is not there. */
export function comparePlan(
  a: { readonly name: string; readonly columns: readonly string[] },
  b: { readonly name: string; readonly columns: readonly string[] },
  options: CompareOptions,
): ComparePlan {
  const { key = [], columns, scores, label } = options;
  const named = [
    ...key.map((name) => ({ option: '--key', name })),
    ...(columns ?? []).map((name) => ({ option: '--columns', name })),
    ...(scores ?? []).map((name) => ({ option: '--scores', name })),
    ...(label === undefined ? [] : [{ option: '--label', name: label }]),
  ];
  for (const side of [a, b]) for (const { option, name } of named) assertThere(side, option, name);
  if (columns === undefined) assertSameColumns(a, b);
  const wanted = new Set(
    columns === undefined ? a.columns : [...columns, ...(scores ?? []), ...(label ? [label] : [])],
  );
  const compared = a.columns.filter((name) => wanted.has(name) && !key.includes(name));
  const place = (name: string): { readonly name: string; readonly a: number; readonly b: number } => ({
    name,
    a: a.columns.indexOf(name),
    b: b.columns.indexOf(name),
  });
  return {
    columns: compared.map((name) => ({ ...place(name), use: useOf(name, a.columns, options) })),
    key: key.map(place),
  };
}

function useOf(name: string, all: readonly string[], { scores, label }: CompareOptions): ColumnUse {
  if (name === label) return 'label';
  if (scores?.includes(name) === true) return 'score';
  const target = PREDICTION.exec(name)?.[1];
  if (!PREDICTION.test(name) || name === OUTLIER) return 'other';
  const isLabel = target !== undefined && all.some((other) => isClassOf(target, other));
  const use = isLabel ? 'label' : 'prediction';
  if (use === 'label') return label === undefined ? 'label' : 'other';
  // What was named is all that is wanted of its kind.
  return scores === undefined ? 'prediction' : 'other';
}

/** Whether a column holds the probability of a class of this target. */
function isClassOf(target: string, column: string): boolean {
  const name = PREDICTION.exec(column)?.[1];
  return name !== undefined && name.startsWith(`${target}_`) && column !== OUTLIER;
}

function assertThere(
  side: { readonly name: string; readonly columns: readonly string[] },
  option: string,
  name: string,
): void {
  if (side.columns.includes(name)) return;
  const near = nearestNames(name, side.columns);
  throw new SluiceError(
    'COLUMN_UNKNOWN',
    `${option} names "${name}", which ${side.name} does not have; ` +
      (near.length > 0 ? `did you mean ${nameList(near)}?` : `it has ${nameList(side.columns)}.`),
  );
}

function assertSameColumns(
  a: { readonly name: string; readonly columns: readonly string[] },
  b: { readonly name: string; readonly columns: readonly string[] },
): void {
  const onlyA = a.columns.filter((name) => !b.columns.includes(name));
  const onlyB = b.columns.filter((name) => !a.columns.includes(name));
  if (onlyA.length + onlyB.length === 0) return;
  const parts = [
    onlyA.length > 0 ? `only ${a.name} has ${nameList(onlyA)}` : '',
    onlyB.length > 0 ? `only ${b.name} has ${nameList(onlyB)}` : '',
  ].filter((part) => part !== '');
  throw new SluiceError(
    'CONFIG_INVALID',
    `The outputs have other columns: ${parts.join(', ')}. Name those to compare with --columns.`,
  );
}
