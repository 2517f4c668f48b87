import type { RegisteredVersion } from './catalog-index.ts';

/** A version in the words of DataRobot's `datasets/{id}/versions/{versionId}/`, with what the registry knows beyond that. */
export function versionShape(version: RegisteredVersion): Readonly<Record<string, unknown>> {
  const { datasetId, versionId, name, number, created, source, rows, bytes, sha256, columns, isLatest } = version;
  return {
    datasetId,
    versionId,
    name,
    creationDate: created,
    isLatestVersion: isLatest,
    isSnapshot: true,
    isDataEngineEligible: false,
    processingState: 'COMPLETED',
    categories: ['BATCH_PREDICTIONS'],
    rowCount: rows,
    columnCount: columns.length,
    datasetSize: bytes,
    versionNumber: number,
    source,
    sha256,
    columns,
  };
}
