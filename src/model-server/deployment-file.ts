import { JsonNode } from './json-node.ts';
import type { ModelKind } from './predictor.ts';

/** How a feature of the model comes from a column of the rows. The date parts read the date as it is written, without time zones. */
type FeatureType = 'number' | 'category' | DatePart;
export type DatePart = (typeof DATE_PARTS)[number];

/** `weekday` counts from Monday, 0; `month` and `day` from 1. */
export const DATE_PARTS = ['year', 'month', 'day', 'weekday', 'hour'] as const;

/** One feature, in the order of the model's features. */
export interface Feature {
  readonly name: string;
  /** The column that it is made of; several features may share a date column. */
  readonly column: string;
  readonly type: FeatureType;
  /** For a category: the texts, in the order of the model's codes. Any other text is a missing value. */
  readonly categories?: readonly string[];
}

/** What `<id>.deployment.json` says: which model answers under which id, and what its rows and predictions are called. */
export interface DeploymentFile {
  readonly id: string;
  /** Name of the model file, in the same folder. */
  readonly model: string;
  readonly target: string;
  readonly kind: ModelKind;
  /** Labels in the order of the model's outputs; for a binary model the positive one first; empty for a regression. */
  readonly classes: readonly string[];
  /** A binary row is positive when its probability is above it. */
  readonly threshold: number;
  readonly features: readonly Feature[];
  /** The column that names a row for later matching with actuals; told to clients, not used here. */
  readonly associationId?: string;
  /** A regression's predictions outside are outliers. */
  readonly predictionBoundaries?: { readonly low: number; readonly high: number };
}

const FIELDS = [
  'id',
  'model',
  'target',
  'kind',
  'classes',
  'threshold',
  'features',
  'associationId',
  'predictionBoundaries',
];
const KINDS = ['regression', 'binary', 'multiclass'] as const;

/** Reads and checks a deployment file; throws MODEL_INVALID with the name of the field. */
export function parseDeploymentFile(text: string, file: string): DeploymentFile {
  const root = JsonNode.parse(text, file);
  root.only(FIELDS);
  const id = root.at('id').text();
  if (!/^[\w.-]+$/.test(id))
    root.at('id').refuse('may have letters, digits, ".", "_" and "-" only, as it stands in addresses');
  const kind = root.at('kind').oneOf(KINDS);
  const classes = root.optional('classes')?.texts() ?? [];
  if (new Set(classes).size !== classes.length) root.at('classes').refuse('names a class twice');
  const fits =
    kind === 'regression' ? classes.length === 0 : kind === 'binary' ? classes.length === 2 : classes.length > 1;
  if (!fits) root.refuse(`has ${classes.length} classes, which does not fit the kind "${kind}"`);
  const threshold = root.optional('threshold')?.number() ?? 0.5;
  if (threshold < 0 || threshold > 1) root.at('threshold').refuse('is not between 0 and 1');
  const features = root.at('features').items().map(parseFeature);
  if (features.length === 0) root.at('features').refuse('is empty');
  checkColumns(features, root.at('features'));

  const associationId = root.optional('associationId')?.text();
  const boundaries = root.optional('predictionBoundaries');
  boundaries?.only(['low', 'high']);
  return {
    id,
    model: root.at('model').text(),
    target: root.at('target').text(),
    kind,
    classes,
    threshold,
    features,
    ...(associationId === undefined ? {} : { associationId }),
    ...(boundaries === undefined
      ? {}
      : { predictionBoundaries: { low: boundaries.at('low').number(), high: boundaries.at('high').number() } }),
  };
}

function parseFeature(node: JsonNode): Feature {
  node.only(['name', 'column', 'type', 'categories']);
  const name = node.at('name').text();
  const type = node.at('type').oneOf(['number', 'category', ...DATE_PARTS]);
  const column = node.optional('column')?.text() ?? name;
  if (type !== 'category') return { name, column, type };
  return { name, column, type, categories: node.at('categories').texts() };
}

/** A column is read in one way only: as a number, as a category, or as a date with any of its parts. */
function checkColumns(features: readonly Feature[], node: JsonNode): void {
  const seen = new Map<string, Feature>();
  for (const feature of features) {
    const other = seen.get(feature.column);
    const bothDates =
      other !== undefined && [other, feature].every(({ type }) => type !== 'number' && type !== 'category');
    if (other !== undefined && !bothDates) node.refuse(`reads the column "${feature.column}" in two ways`);
    seen.set(feature.column, feature);
  }
}
