import type { RowBatch } from '../../core/row-batch.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { DeploymentDescription, ScoreColumn, Scores } from '../../core/scorer.ts';
import { createOutputFormat } from '../../scoring/output/output-format.ts';
import { columnsOf, explanationNames } from '../../scoring/wires/datarobot-columns.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { outputSettingsOf } from '../scoring-settings.ts';

/** The output's columns as the server describes its deployment; null when it does not. Throws what the job would: COLUMN_UNKNOWN, say. */
export function describedColumns(
  job: JobDescription,
  intake: Schema,
  description: DeploymentDescription,
): readonly string[] | null {
  const columns = predictionColumns(job, description);
  const format = createOutputFormat(outputSettingsOf(job), intake);
  if (columns === null) return null;
  const nothing = { bytes: new Uint8Array(0), ends: new Uint32Array(0) };
  const none = { schema: intake, rows: 0, ...nothing } as RowBatch;
  const scores: Scores = { rows: 0, columns, ...nothing, failures: [], model: null };
  return namesOf(format.render(none, scores).schema);
}

/** The same as a reply shows them. */
export function repliedColumns(job: JobDescription, batch: RowBatch, scores: Scores): readonly string[] | null {
  if (scores.columns.length === 0) return null;
  return namesOf(createOutputFormat(outputSettingsOf(job), batch.schema).render(batch, scores).schema);
}

function namesOf(schema: Schema | null): readonly string[] | null {
  return schema === null ? null : columnNames(schema);
}

/** What a prediction server answers for such a deployment. */
function predictionColumns(
  { maxExplanations, predictionWarningEnabled, deployment }: JobDescription,
  { target = deployment.target ?? undefined, kind, classes }: DeploymentDescription,
): readonly ScoreColumn[] | null {
  if (target === undefined || kind === undefined) return null;
  const label = `${target}_PREDICTION`;
  const names =
    kind === 'regression'
      ? [label, ...(predictionWarningEnabled ? ['IS_OUTLIER_PREDICTION'] : [])]
      : kind === 'anomaly'
        ? ['ANOMALY_SCORE']
        : [
            ...(kind === 'multiclass' ? (classes ?? []).toSorted() : (classes ?? [])).map(
              (name) => `${target}_${name}_PREDICTION`,
            ),
            label,
            ...(kind === 'binary' ? ['THRESHOLD', 'POSITIVE_CLASS'] : []),
          ];
  return columnsOf([...names, ...explanationNames(maxExplanations)]);
}
