import type { CatalogPlace } from '../../src/jobs/description/dataset-fields.ts';
import { Secret } from '../../src/jobs/description/secret.ts';
import { tellBatches } from '../../src/testing.ts';
import { keepCompiled } from '../support/compiled-child.ts';
import { datasetSource } from './dataset-intake.ts';

/** Tells the batches of the dataset `rows`; whoever started it kills it. */
keepCompiled();
const [place = '', token = ''] = process.argv.slice(2);
const catalog = JSON.parse(place) as CatalogPlace;
await tellBatches(datasetSource('rows', { ...catalog, token: token === '' ? null : new Secret(token) }));
