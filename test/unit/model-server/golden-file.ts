import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';

/** The folder of the committed models. */
export const MODELS = fileURLToPath(new URL('../../../models', import.meta.url));

/** Rows of real data with what xgboost itself says about them; written by models/golden.py. */
export interface GoldenFile {
  /** With a header line; 10,000 rows. */
  readonly csv: string;
  /** Per row a number, or one per class. */
  readonly predictions: readonly (number | readonly number[])[];
  /** Of the first rows: per feature, and the base value last; for classes one such list each. */
  readonly contributions: readonly (readonly number[] | readonly (readonly number[])[])[];
}

export function goldenFile(model: string): GoldenFile {
  const path = new URL(`../../golden/${model}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(path)).toString('utf8'));
}
