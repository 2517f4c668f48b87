import * as z from 'zod';
import { utcTime } from '../../core/utc-time.ts';
import { batchName } from '../../jobs/queue/body/batch-name.ts';

const enabled = z.strictObject({ enabled: z.boolean() });

/** The body of `PATCH /deployments/{id}/settings/`. What stands in the configuration is taken as long as it is left as it is. */
export const settingsBody = z.strictObject({
  featureDrift: enabled.optional().describe('Whether features of jobs that end from now on are looked at.'),
  targetDrift: enabled.optional().describe('Whether predictions of jobs that end from now on are looked at.'),
  associationId: z
    .strictObject({
      columnNames: z.array(z.string().min(1)).max(1).nullable().optional(),
      requiredInPredictionRequests: z.boolean().optional(),
      autoGenerateId: z.boolean().optional(),
    })
    .optional()
    .describe('Stands in the configuration.'),
  predictionsDataCollection: enabled.optional().describe('Stands in the configuration: `accuracy`.'),
  predictionWarning: z
    .strictObject({ enabled: z.boolean(), customBoundaries: z.unknown().optional() })
    .optional()
    .describe('Of the prediction server.'),
  challengerModels: enabled.optional().describe('Not served.'),
  segmentAnalysis: z
    .strictObject({ enabled: z.boolean(), attributes: z.array(z.string()).optional() })
    .optional()
    .describe('Not served.'),
  predictionIntervals: z
    .strictObject({ enabled: z.boolean().optional(), percentiles: z.array(z.int()).optional() })
    .optional()
    .describe('Not served.'),
});

/** The body of `POST /deployments/{id}/monitoringBatches/`. */
export const monitoringBatchBody = z.strictObject({
  batchName: batchName(400).describe('No two batches of a deployment have the same.'),
});

/** The body of `PATCH /deployments/{id}/model/`. */
export const modelBody = z.strictObject({
  modelId: z.string().min(1).max(500).describe('The model file in the folder of `sluice model-server`.'),
  reason: z.string().max(500).optional().describe('For the log.'),
});

const keepActualsWithoutPredictions = z
  .boolean()
  .default(true)
  .describe('False leaves out those whose ID no prediction has that is kept.');

/** The body of `POST /deployments/{id}/actuals/fromJSON/`. */
export const actualsBody = z.strictObject({
  data: z
    .array(
      z.strictObject({
        associationId: z.string().min(1).describe('Of the row; 128 characters of it count.'),
        actualValue: z.union([z.string(), z.number(), z.boolean()]).describe('What came true: a number, or a label.'),
        timestamp: z
          .string()
          .refine((text) => !Number.isNaN(utcTime(text)), { error: 'must be a time as 2026-11-28T12:00:00Z' })
          .nullable()
          .optional()
          .describe('When it was observed. A later one of the same ID replaces an earlier one.'),
        wasActedOn: z.boolean().nullable().optional().describe('Not looked at.'),
      }),
    )
    .min(1)
    .max(10_000),
  keepActualsWithoutPredictions,
});

const column = z.string().min(1).max(1_000);

/** The body of `POST /deployments/{id}/actuals/fromDataset/`. */
export const actualsDatasetBody = z.strictObject({
  datasetId: column.describe('A dataset, by its ID or its name.'),
  datasetVersionId: column.nullable().default(null).describe('The latest version if left out.'),
  associationIdColumn: column.describe('Has the association IDs; 128 characters of each count.'),
  actualValueColumn: column.describe('Has what came true: numbers, or labels.'),
  timestampColumn: column
    .nullable()
    .default(null)
    .describe('When each was observed; a column `timestamp` is taken if left out.'),
  wasActedOnColumn: column.nullable().optional().describe('Not looked at.'),
  keepActualsWithoutPredictions,
});
