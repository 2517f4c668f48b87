import type { Ledger } from '../core/ledger.ts';
import type { OutputSettings } from '../scoring/output/output-settings.ts';
import type { DeploymentAddress, StackSettings } from '../scoring/scorer-stack.ts';
import type { JobDescription } from './description/parse-job.ts';
import { occlusionOf } from './explanations/occlusion-of.ts';

/** What scoring needs to know of a job: all but its two ends. */
type ScoringFields = Omit<JobDescription, 'kafka' | 'intakeSettings' | 'outputSettings'>;

/** The output columns that a job asks for. */
export function outputSettingsOf(job: ScoringFields): OutputSettings {
  return {
    passthroughColumns: job.passthroughColumns,
    passthroughColumnsSet: job.passthroughColumnsSet,
    associationId: job.deployment.associationId,
    columnNamesRemapping: new Map(job.columnNamesRemapping.map(({ inputName, outputName }) => [inputName, outputName])),
    includeProbabilities: job.includeProbabilities,
    includeProbabilitiesClasses: job.includeProbabilitiesClasses,
    includePredictionStatus: job.includePredictionStatus,
    includeModelVersion: job.includeModelVersion,
    predictionThreshold: job.predictionThreshold,
    maxExplanations: job.maxExplanations,
    thresholdHigh: job.thresholdHigh,
    thresholdLow: job.thresholdLow,
    predictionWarningEnabled: job.predictionWarningEnabled,
  };
}

/** The intake columns that a job names to be copied. A message that lacks one has it as null, whatever came before it. */
export function copiedColumns({ passthroughColumns, deployment: { associationId } }: ScoringFields): readonly string[] {
  return [...new Set([...passthroughColumns, ...(associationId === null ? [] : [associationId])])];
}

/** How a job's deployment is reached, and what is asked of it. The model of an interrupted run stays the model. */
export function scorerSettingsOf(
  job: ScoringFields,
  ledger: Pick<Ledger, 'model'> | null,
): [DeploymentAddress, StackSettings] {
  const { deployment, retry } = job;
  const token = deployment.token;
  const address: DeploymentAddress = {
    id: deployment.id,
    server: deployment.server,
    wire: deployment.wire,
    reply: deployment.reply,
    rowWitness: deployment.rowWitness,
    timeoutMs: deployment.timeoutMs,
    insecure: deployment.insecure,
    ...(token === null ? {} : { token: () => token.reveal() }),
    ...(deployment.dataRobotKey === null ? {} : { datarobotKey: deployment.dataRobotKey.reveal() }),
    ...(deployment.target === null ? {} : { target: deployment.target }),
    ...(deployment.classes === null ? {} : { classes: deployment.classes }),
    ...(deployment.positiveClass === null ? {} : { positiveClass: deployment.positiveClass }),
    ...(deployment.oip === null ? {} : { oip: deployment.oip }),
    ...(deployment.mlflow === null ? {} : { mlflow: deployment.mlflow }),
    ...(deployment.json === null ? {} : { json: deployment.json }),
    ...(deployment.ca === null ? {} : { ca: deployment.ca }),
    ...(deployment.guard === undefined ? {} : { guard: deployment.guard }),
  };
  const occlusion = occlusionOf(job);
  const settings: StackSettings = {
    numConcurrent: job.numConcurrent,
    limiter: job.limiter,
    serverShare: job.serverShare,
    pinned: ledger?.model ?? (job.pinnedModelId === null ? null : { id: job.pinnedModelId }),
    onModelChange: job.onModelChange,
    disableRowLevelErrorHandling: job.disableRowLevelErrorHandling,
    retry: { budgetMs: 1000 * retry.budgetSeconds, connectBudgetMs: 1000 * retry.connectSeconds },
    ...(occlusion === undefined ? {} : { occlusion }),
    scoring: {
      maxExplanations: job.maxExplanations,
      thresholdHigh: job.thresholdHigh,
      thresholdLow: job.thresholdLow,
      explanationAlgorithm: job.explanationAlgorithm,
      predictionWarningEnabled: job.predictionWarningEnabled,
    },
  };
  return [address, settings];
}
