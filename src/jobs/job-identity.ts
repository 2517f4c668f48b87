import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../core/json.ts';
import type { JobIdentity } from '../core/ledger.ts';
import type { JobDescription } from './description/parse-job.ts';
import { outputFormat } from './formats-of-job.ts';
import { monitoringIdentity } from './monitoring/monitor-of-job.ts';

/**
 * What makes two runs the same job: the intake as it was found, the deployment, and the settings that shape the output.
 * Not among it: where the server is, how many requests at once, retries, limits of failure; they may change in between.
 */
export function jobIdentity(job: JobDescription, intake: Json): JobIdentity {
  const { delimiter, quotechar, encoding, raggedRows } = job.csvSettings;
  return {
    intake,
    ...endsIdentity(job),
    csvSettings: { delimiter, quotechar, encoding, raggedRows },
    deployment: job.deployment.id,
    pinnedModelId: job.pinnedModelId,
    associationId: job.deployment.associationId,
    passthroughColumns: job.passthroughColumns,
    passthroughColumnsSet: job.passthroughColumnsSet,
    columnNamesRemapping: job.columnNamesRemapping.map(({ inputName, outputName }) => [inputName, outputName]),
    includeProbabilities: job.includeProbabilities,
    includeProbabilitiesClasses: job.includeProbabilitiesClasses,
    includePredictionStatus: job.includePredictionStatus,
    ...(job.includeModelVersion ? { includeModelVersion: true } : {}),
    predictionThreshold: job.predictionThreshold,
    predictionWarningEnabled: job.predictionWarningEnabled,
    maxExplanations: job.maxExplanations,
    explanationAlgorithm: job.explanationAlgorithm,
    ...baselineIdentity(job),
    thresholdHigh: job.thresholdHigh,
    thresholdLow: job.thresholdLow,
    disableRowLevelErrorHandling: job.disableRowLevelErrorHandling,
    ...monitoringIdentity(job),
  };
}

/** The rows that explanations are made with, where the job makes them: by other ones they are other explanations. */
function baselineIdentity({ baseline }: JobDescription): JobIdentity {
  if (baseline === null) return {};
  const sha256 = createHash('sha256')
    .update(canonicalJson({ ...baseline }))
    .digest('hex');
  return { explanation: { columns: baseline.features, baselineRows: baseline.chosen, sha256 } };
}

/** What the settings of the two ends say of the bytes that are read and written. */
function endsIdentity({ intakeSettings: intake, outputSettings: output }: JobDescription): JobIdentity {
  return {
    ...(intake.type === 'kafka'
      ? { intakeFormat: intake.format, intakeColumns: intake.columns }
      : intake.type === 'jdbc'
        ? {}
        : { intakeCompression: intake.compression, ...readingIdentity(intake) }),
    ...(output.type === 'jdbc'
      ? {
          statementType: output.statementType,
          updateColumns: output.updateColumns,
          whereColumns: output.whereColumns,
        }
      : output.type !== 'kafka'
        ? { outputCompression: output.compression, ...writingIdentity(output) }
        : {
            outputTopic: output.topic,
            outputFormat: output.format,
            // As it was before it could be said.
            ...(output.schemaId === 'value' ? {} : { schemaId: output.schemaId }),
            keyColumn: output.keyColumn,
            partitioning: output.partitioning,
            delivery: output.delivery,
          }),
  };
}

/** What is not as it was before there were formats: a job of CSV is the same job still. */
function readingIdentity({ format, jsonPath, columns }: ObjectEnd<JobDescription['intakeSettings']>): JobIdentity {
  return {
    ...(format === 'auto' || format === 'csv' ? {} : { intakeFormat: format }),
    ...(jsonPath === null ? {} : { jsonPath }),
    ...(columns === null ? {} : { intakeColumns: columns }),
  };
}

/** The format is told by name, whatever told it: it says what the output holds. */
function writingIdentity(output: ObjectEnd<JobDescription['outputSettings']>): JobIdentity {
  const format = outputFormat(output, nameOf(output));
  return {
    ...(format === 'csv' ? {} : { outputFormat: format }),
    ...('partitionColumns' in output && output.partitionColumns.length > 0
      ? { partitionColumns: output.partitionColumns }
      : {}),
  };
}

function nameOf(output: ObjectEnd<JobDescription['outputSettings']>): string {
  if (output.type === 's3') return output.url;
  return output.type === 'http' ? output.name : output.path;
}

type ObjectEnd<T> = Exclude<T, { readonly type: 'kafka' | 'jdbc' }>;
