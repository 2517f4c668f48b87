import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { sluice } from './command-line.ts';

/**
 * Makes a baseline with `sluice baseline`, as a file of the folder: half of the predictions are 1, the others 2.
 * @param train the rows, with the feature `c`. @param half how many predictions of each.
 */
export async function driftBaseline(folder: string, train: string, half: number): Promise<string> {
  writeFileSync(join(folder, 'train.csv'), train);
  writeFileSync(join(folder, 'scored.csv'), `y_PREDICTION\n${'1\n'.repeat(half)}${'2\n'.repeat(half)}`);
  const baseline = join(folder, 'baseline.json');
  const args = ['baseline', 'train.csv', '--features', 'c', '--predictions', 'scored.csv', '--out', baseline];
  expect(await sluice(args, { cwd: folder })).toMatchObject({ code: 0 });
  return baseline;
}
