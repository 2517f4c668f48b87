import type { Deployment } from '../../jobs/description/deployment.ts';

interface Capability {
  readonly name: string;
  readonly supported: boolean;
  /** Why, or why not. */
  readonly messages: readonly string[];
}

/** What can be had of a deployment. */
export function capabilitiesView({
  wire,
  baseline,
  accuracy,
  explanationAlgorithm,
}: Deployment): readonly Capability[] {
  const isOwnWire = wire === 'datarobot';
  const noBaseline = 'The configuration of the deployment names no baseline; sluice baseline makes one.';
  return [
    capability('supportsDriftTracking', baseline !== null, noBaseline),
    capability(
      'supportsTargetDriftTracking',
      (baseline?.predictions.length ?? 0) > 0,
      baseline === null
        ? noBaseline
        : 'The baseline has no predictions; sluice baseline --predictions makes one that has.',
    ),
    capability(
      'supportsAccuracy',
      accuracy,
      'The configuration of the deployment needs accuracy: true and an associationId.',
    ),
    capability(
      'supportsPredictionResults',
      accuracy,
      'The configuration of the deployment needs accuracy: true and an associationId.',
    ),
    capability(
      'supportsPredictionExplanations',
      isOwnWire || explanationAlgorithm === 'occlusion',
      `Servers of the wire ${wire} have none; jobs with explanationAlgorithm: occlusion get them all the same.`,
    ),
    capability('supportsPredictionWarnings', isOwnWire, `Servers of the wire ${wire} have none.`),
    capability('supportsModelReplacement', isOwnWire, 'Only sluice model-server can be given another model.'),
    capability('supportsBatchMonitoring', true, ''),
    ...NOT_SERVED.map((name) => capability(name, false, 'Not served.')),
  ];
}

const NOT_SERVED = [
  'supportsChallengerModels',
  'supportsSegmentAnalysis',
  'supportsPredictionIntervals',
  'supportsHumilityRules',
] as const;

function capability(name: string, supported: boolean, whyNot: string): Capability {
  return { name, supported, messages: supported ? [] : [whyNot] };
}
