/** Fields that jobs of `sluice serve` have, where batches are kept. */
export const serverOnlyFields: ReadonlySet<string> = new Set(['monitoringBatchPrefix', 'monitoringBatchId']);

/**
 * What the job description of DataRobot or of a later version of Sluice has and this one has not, so that a message can say so:
 * fields by the object they belong to, and values by field.
 */
export const laterFields: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    '',
    new Set([
      'modelId',
      'modelPackageId',
      'maxNgramExplanations',
      'maxNGramExplanations',
      'explanationClassNames',
      'explanationNumTopClasses',
      'explanationsMode',
      'predictionInstance',
      'timeseriesSettings',
      'secondaryDatasetsConfigId',
      'batchJobType',
      'monitoringColumns',
      'monitoringAggregation',
      'monitoringOutputSettings',
      'limiter',
      'resume',
    ]),
  ],
]);

export const laterValues: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    'intakeSettings.type',
    new Set([
      'azure',
      'bigquery',
      'dataStage',
      'databricks',
      'datasphere',
      'dss',
      'fileSystem',
      'gcp',
      'snowflake',
      'sql',
      'synapse',
      'trino',
    ]),
  ],
  [
    'outputSettings.type',
    new Set([
      'azure',
      'bigquery',
      'databricks',
      'datasphere',
      'fileSystem',
      'gcp',
      'snowflake',
      'sql',
      'synapse',
      'tableau',
      'trino',
    ]),
  ],
]);
