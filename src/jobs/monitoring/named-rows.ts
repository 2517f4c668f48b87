import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { catalogPlace } from '../catalog/catalog-place.ts';
import { type DatasetInput, openDatasetInput } from '../catalog/dataset-input.ts';
import { openDatasetSource } from '../catalog/open-dataset.ts';
import { datasetIntake } from '../description/dataset-fields.ts';
import { validate } from '../description/validate.ts';
import type { BaselineInput } from './make-baseline.ts';

const DATASET = /^dataset:([^@]+)(?:@(.+))?$/s;
const nothing = { input: (async function* () {})() };

/**
 * The rows of a name that was given on the command line: a file, a folder or a pattern, `s3://…`, `http(s)://…`, or `dataset:NAME` of the
 * catalog, with `@VERSION` behind it for another version than the latest. Standard input is refused: it comes only once.
 */
export function openNamedRows(input: DatasetInput, clock: Clock): BaselineInput {
  const { source: name, configuration, csvSettings } = input;
  if (name === '-')
    throw new SluiceError('CONFIG_INVALID', 'standard input can be read only once, and is needed twice; name a file.');
  const [, datasetId, datasetVersionId] = DATASET.exec(name) ?? [];
  if (datasetId === undefined) return openDatasetInput(input, nothing, clock);
  const given = { type: 'dataset', datasetId, datasetVersionId: datasetVersionId ?? null };
  const intake = validate(datasetIntake, given, new Set(), { place: () => name });
  const catalog = catalogPlace(configuration, process.env);
  return {
    source: openDatasetSource({ csvSettings }, { ...intake, catalog }, clock),
    description: name,
  };
}
