/** Names are typed, and stand in keys of objects. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u;

/** With room for a number behind it. */
const BEGINNING = /^.{1,90}/su;

/** What may be the name of a dataset, in words. */
export const DATASET_NAMES =
  'up to 100 letters, digits, spaces and . _ - can, and it begins with a letter or digit' as const;

export function isDatasetName(name: string): boolean {
  return NAME.test(name);
}

/** The name of a dataset that is made of a file, by what its owner calls it. */
export function datasetNameOf(file: string): string {
  const [last = ''] = file.split(/[\\/]/).slice(-1);
  const kept = last.replaceAll(/[^\p{L}\p{N} ._-]/gu, '_').replace(/^[ ._-]+/, '');
  // By characters: none of them is cut in two.
  const name = (BEGINNING.exec(kept)?.[0] ?? '').trimEnd();
  return name === '' ? 'dataset' : name;
}
