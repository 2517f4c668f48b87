import type { ModelInput } from '../../core/scorer.ts';
import type { Baseline, BaselineColumn } from '../../monitoring/baseline.ts';

/** A column that predictions need, in DataRobot's words. What nobody knows is null. */
export interface FeatureView {
  readonly name: string;
  readonly featureType: 'Numeric' | 'Categorical' | 'Text' | 'Date';
  readonly importance: null;
  readonly dateFormat: null;
  readonly knownInAdvance: false;
}

const OF_BINS: Readonly<Record<BaselineColumn['kind'], FeatureView['featureType']>> = {
  number: 'Numeric',
  category: 'Categorical',
  untracked: 'Text',
};
const OF_INPUT: Readonly<Record<ModelInput['type'], FeatureView['featureType']>> = {
  number: 'Numeric',
  text: 'Text',
  date: 'Date',
};

/** @param inputs what the server says that its model needs; null: it does not say. */
export function featuresView(baseline: Baseline | null, inputs: readonly ModelInput[] | null): readonly FeatureView[] {
  const known = new Map(baseline?.features.map(({ kind, statistics }) => [statistics.name, OF_BINS[kind]]));
  const rest = { importance: null, dateFormat: null, knownInAdvance: false } as const;
  if (inputs === null) return [...known].map(([name, featureType]) => ({ name, featureType, ...rest }));
  return inputs.map(({ column, type }) => {
    // A text may be one of a few, which the baseline knows.
    const featureType = type === 'text' ? (known.get(column) ?? OF_INPUT.text) : OF_INPUT[type];
    return { name: column, featureType, ...rest };
  });
}
