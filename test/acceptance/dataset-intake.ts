import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CatalogIndex } from '../../connectors/catalog/catalog-index.ts';
import type { Compression } from '../../src/codecs/compression.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Source } from '../../src/core/source.ts';
import { addDataset } from '../../src/jobs/catalog/add-dataset.ts';
import { openDatasetInput } from '../../src/jobs/catalog/dataset-input.ts';
import { openDatasetSource } from '../../src/jobs/catalog/open-dataset.ts';
import { StoredVersions } from '../../src/jobs/catalog/version-files.ts';
import type { CatalogPlace } from '../../src/jobs/description/dataset-fields.ts';
import { Secret } from '../../src/jobs/description/secret.ts';
import type { DifficultIntake, KillableSourceDriver, SecretSourceDriver } from '../../src/testing.ts';
import { CatalogServer } from '../support/catalog-server.ts';
import { HurriedClock } from '../support/hurried-clock.ts';

type Rows = readonly (readonly (string | null)[])[];

const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;
const READER = join(import.meta.dirname, 'dataset-reader-child.ts');
const nowhere = { url: null, token: null, allowedHosts: [], caFile: null, store: null, user: null } as const;

/** A dataset of Sluice's own registry, made from a file. */
export async function registeredIntake(compression: Compression): Promise<KillableSourceDriver> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-dataset-'));
  const place: CatalogPlace = { ...nowhere, folder: join(folder, 'catalog') };
  const add = async (records: Rows): Promise<void> => {
    const file = join(folder, 'rows.csv');
    await writeFile(file, textOf(records));
    using index = await CatalogIndex.open(place.folder);
    await using files = new StoredVersions(place, systemClock);
    const input = { source: file, csvSettings: defaultCsvSettings, s3: {}, configuration: undefined };
    const opened = openDatasetInput(input, { input: process.stdin }, systemClock);
    const target = { kind: 'named', name: 'rows' } as const;
    const options = { index, files, target, ...opened, format: 'csv' as const, compression, clock: systemClock };
    await addDataset(options, new AbortController().signal);
  };
  const records = rows(0, 31);
  await add(records);
  return {
    records,
    source: () => datasetSource('rows', place),
    reader: { module: READER, args: [JSON.stringify(place), ''] },
    change: () => add(rows(0, 30)),
    close: () => rm(folder, { recursive: true }),
  };
}

/** A dataset of the given rows. */
export async function difficultDataset(rows: Rows): Promise<DifficultIntake> {
  const server = await CatalogServer.start();
  server.add('rows', { text: textOf(rows, ['id', 'value']) });
  const place: CatalogPlace = { ...nowhere, url: server.url, token: new Secret(server.token), folder: '' };
  return { source: () => datasetSource('rows', place), close: () => server[Symbol.asyncDispose]() };
}

/** A dataset of a catalog behind its REST API. */
export async function servedIntake(): Promise<KillableSourceDriver & SecretSourceDriver> {
  const server = await CatalogServer.start();
  const records = rows(0, 31);
  server.add('rows', { text: textOf(records) });
  const place: CatalogPlace = { ...nowhere, url: server.url, token: new Secret(server.token), folder: '' };
  return {
    records,
    source: () => datasetSource('rows', place),
    reader: { module: READER, args: [JSON.stringify(place), server.token] },
    secrets: [server.token],
    change: async () => void server.add('rows', { text: textOf(rows(0, 30)) }),
    close: () => server[Symbol.asyncDispose](),
  };
}

/** The source of a dataset of a catalog. */
export function datasetSource(datasetId: string, catalog: CatalogPlace, version: string | null = null): Source {
  const intake = {
    type: 'dataset',
    datasetId,
    datasetVersionId: version,
    catalogUrl: null,
    token: null,
    allowedHosts: [],
    columns: null,
    format: 'auto',
    jsonPath: null,
    compression: 'auto',
    catalog,
  } as const;
  return openDatasetSource({ csvSettings: defaultCsvSettings }, intake, new HurriedClock());
}

function rows(from: number, to: number): (string | null)[][] {
  return Array.from({ length: to - from }, (_, i) => [
    String(from + i),
    TEXTS[(from + i) % TEXTS.length] ?? null,
    `${(from + i) / 4}`,
  ]);
}

function textOf(records: Rows, names: readonly string[] = ['id', 'text', 'x']): string {
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  return [names, ...records].map((record) => `${record.map(field).join(',')}\n`).join('');
}
