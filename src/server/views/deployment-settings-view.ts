import type { Deployment } from '../../jobs/description/deployment.ts';
import type { DriftSettings } from '../../jobs/monitoring/kept/monitoring-store.ts';

/** The settings of a deployment: what its configuration says, and what the API has changed. */
export function deploymentSettingsView(
  { associationId, accuracy, baseline }: Deployment,
  { featureDrift, targetDrift }: DriftSettings,
): DeploymentSettings {
  return {
    // A job whose rows lack the column is refused.
    associationId: {
      columnNames: associationId === null ? null : [associationId],
      requiredInPredictionRequests: associationId !== null,
      autoGenerateId: false,
    },
    featureDrift: { enabled: featureDrift && baseline !== null },
    targetDrift: { enabled: targetDrift && baseline !== null },
    predictionsDataCollection: { enabled: accuracy },
    predictionWarning: { enabled: false, customBoundaries: null },
    challengerModels: { enabled: false },
    segmentAnalysis: { enabled: false, attributes: [] },
    predictionIntervals: { enabled: false, percentiles: [] },
  };
}

export type DeploymentSettings = Readonly<Record<string, Readonly<Record<string, unknown>>>>;
