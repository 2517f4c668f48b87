import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CatalogIndex } from '../../../connectors/catalog/catalog-index.ts';
import { defaultCsvSettings } from '../../../src/codecs/csv/csv-settings.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { addDataset } from '../../../src/jobs/catalog/add-dataset.ts';
import { openDatasetInput } from '../../../src/jobs/catalog/dataset-input.ts';
import { StoredVersions } from '../../../src/jobs/catalog/version-files.ts';
import { csvOf } from './flight-rows.ts';
import type { MatrixPlace, PlacedIntake } from './matrix-parts.ts';

/** The rows as a dataset of Sluice's own registry, in a state folder of its own. */
export async function datasetIntake({ folder, rows }: MatrixPlace): Promise<PlacedIntake> {
  const state = join(folder, 'state');
  const file = join(folder, 'dataset.csv');
  await writeFile(file, csvOf(rows));
  const nowhere = { url: null, token: null, allowedHosts: [], caFile: null, store: null, user: null };
  const place = { ...nowhere, folder: join(state, 'catalog') };
  using index = await CatalogIndex.open(place.folder);
  await using files = new StoredVersions(place, systemClock);
  const input = { source: file, csvSettings: defaultCsvSettings, s3: {}, configuration: undefined };
  const opened = openDatasetInput(input, { input: process.stdin }, systemClock);
  const options = {
    index,
    files,
    target: { kind: 'named', name: 'flights' },
    ...opened,
    format: 'csv',
    compression: 'none',
    clock: systemClock,
  } as const;
  await addDataset(options, new AbortController().signal);
  return {
    settings: { type: 'dataset', datasetId: 'flights' },
    env: { SLUICE_STATE: state },
    order: rows.map((row) => row.flight_id),
  };
}
