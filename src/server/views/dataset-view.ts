import type { RegisteredVersion } from '../../../connectors/catalog/catalog-index.ts';

/** A version of a dataset as DataRobot's clients read it. Where its rows came from is not told: it may be a path of the server's machine. */
export function datasetView(version: RegisteredVersion): object {
  const { datasetId, versionId, name, created, rows, bytes, columns, isLatest, owner } = version;
  return {
    datasetId,
    versionId,
    name,
    categories: ['TRAINING', 'PREDICTION'],
    creationDate: created,
    createdBy: owner ?? 'sluice',
    dataPersisted: true,
    isDataEngineEligible: false,
    isLatestVersion: isLatest,
    isSnapshot: true,
    processingState: 'COMPLETED',
    datasetSize: bytes,
    rowCount: rows,
    featureCount: columns.length,
    sampleSize: null,
  };
}
