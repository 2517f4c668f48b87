import type { Deployment } from '../description/deployment.ts';
import { type DeploymentFields, inlineDeployment } from '../description/deployment-fields.ts';
import { writtenYaml } from '../description/written-yaml.ts';
import { OF_SERVER } from '../queue/body/described-job.ts';
import type { PredictionBody } from '../queue/body/prediction-body.ts';
import { type NamedStore, portableEnd } from './portable-end.ts';
import { type PortableVariables, verbatim } from './portable-variables.ts';

export interface PortableJob {
  readonly name: string;
  /** As its owner gave it; may hold secrets. */
  readonly body: PredictionBody;
  readonly deployment: Deployment;
  /** The data stores that the body names. */
  readonly stores: ReadonlyMap<string, NamedStore>;
  /** Base address of this server's API, for its datasets. */
  readonly base: string;
}

/** Fields that are left out, or written otherwise. */
const NOT_COPIED: ReadonlySet<string> = new Set(['deploymentId', 'intakeSettings', 'outputSettings', ...OF_SERVER]);

/**
 * The job of a definition as a file for `sluice run`, on any machine that reaches the same servers. It holds no secret, and no path of this machine:
 * variables stand for them, which its first lines name.
 */
export function portableJob(
  { name, body, deployment, stores, base }: PortableJob,
  variables: PortableVariables,
): string {
  const kept = Object.entries(body).filter(([field, value]) => !NOT_COPIED.has(field) && value !== undefined);
  const job = {
    deployment: portableDeployment(deployment, body, variables),
    intakeSettings: portableEnd('intake', { ...body.intakeSettings }, { stores, base, variables }),
    outputSettings: portableEnd('output', { ...body.outputSettings }, { stores, base, variables }),
    ...verbatim(Object.fromEntries(kept)),
  };
  const title = name.replaceAll(/\s+/g, ' ');
  return writtenYaml(job, [
    `The job definition ${JSON.stringify(title)}: sluice run FILE`,
    ...variables.needed.map((text) => `  ${text}`),
  ]);
}

/** The deployment in place, without what is as it would be anyway. */
function portableDeployment(
  deployment: Deployment,
  { predictionInstance: other }: PredictionBody,
  variables: PortableVariables,
): object {
  const { token, dataRobotKey, baseline: _, accuracy: __, ca, guard: ___, explanation, ...rest } = deployment;
  const defaults: DeploymentFields = inlineDeployment.parse({ id: rest.id, server: rest.server });
  const own = Object.entries(rest).filter(
    ([field, value]) => JSON.stringify(value) !== JSON.stringify(defaults[field as keyof DeploymentFields]),
  );
  const isOther = other !== undefined && other !== null;
  const hasToken = isOther ? Boolean(other.apiKey) : token !== null;
  const hasKey = isOther ? Boolean(other.datarobotKey) : dataRobotKey !== null;
  const server = isOther ? `${other.sslEnabled === false ? 'http' : 'https'}://${other.hostName}` : rest.server;
  return {
    id: rest.id,
    server,
    ...verbatim(Object.fromEntries(own)),
    ...(hasToken ? { token: variables.needs('PREDICTION_TOKEN', 'the token of the prediction server') } : {}),
    ...(hasKey ? { dataRobotKey: variables.needs('DATAROBOT_KEY', 'the DataRobot-Key of the prediction server') } : {}),
    ...(ca === null ? {} : { caFile: variables.needs('PREDICTION_CA_FILE', 'a file with its certificates (PEM)') }),
    ...(explanation === null ? {} : { explanation: portableExplanation(explanation, variables) }),
  };
}

/** Where the baseline rows are is a matter of this machine. */
function portableExplanation(
  { baseline, ...rest }: NonNullable<Deployment['explanation']>,
  variables: PortableVariables,
): object {
  const file = baseline === null ? null : variables.needs('EXPLANATION_BASELINE', 'a file with the baseline rows');
  return { ...verbatim(rest), ...(file === null ? {} : { baseline: { type: 'localFile', file } }) };
}
