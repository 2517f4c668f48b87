import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { makeBaseline } from '../../../src/jobs/monitoring/make-baseline.ts';
import { openNamedRows } from '../../../src/jobs/monitoring/named-rows.ts';
import { rowsFile } from './rows-file.ts';

/** A baseline of the twelve features and the prediction, made of 20,000 rows of the bench's file. */
export async function benchBaseline(folder: string): Promise<string> {
  const path = join(folder, 'baseline.json');
  if (existsSync(path)) return path;
  const rows = join(folder, 'rows-20000.csv');
  await rowsFile(rows, 20_000);
  const predictions = join(folder, 'predictions.csv');
  writeFileSync(
    predictions,
    `y_PREDICTION\n${Array.from({ length: 20_000 }, (_, i) => `${(i % 1000) / 1000}\n`).join('')}`,
  );
  const open = (source: string) =>
    openNamedRows({ source, csvSettings: defaultCsvSettings, s3: {}, configuration: undefined }, systemClock);
  const request = {
    rows: open(rows),
    predictions: open(predictions),
    features: null,
    exclude: ['id'],
    clock: systemClock,
  };
  writeFileSync(path, JSON.stringify(await makeBaseline(request, new AbortController().signal)));
  return path;
}
