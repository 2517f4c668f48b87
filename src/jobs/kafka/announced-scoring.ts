import type { ConnectionGuard } from '../../core/connection-guard.ts';
import { SluiceError } from '../../core/error.ts';
import type { Configuration } from '../configuration.ts';
import type { Deployment } from '../description/deployment.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { REDACTED } from '../description/secret.ts';
import type { Announcement } from './announcements.ts';

/** What the score stage needs to know of a job. */
export type ScoringJob = Omit<JobDescription, 'kafka' | 'intakeSettings' | 'outputSettings'>;

/** What a worker adds to what is announced. */
interface ScoringContext {
  readonly configuration: Configuration | undefined;
  /** Makes the guard of a job's connections. @param targets what it lets through beside the open network. */
  readonly guardOf: (targets: readonly string[]) => ConnectionGuard;
}

/**
 * The job that an announcement speaks of, with its secrets, which an announcement never holds: they come from the worker's own
 * configuration, by the deployment's ID, for the server that is named there and for no other. Throws CONFIG_INVALID when one is needed
 * and may not be had.
 */
export function announcedScoring(
  { name, job, targets }: Announcement,
  { configuration, guardOf }: ScoringContext,
): ScoringJob {
  const announced = job as unknown as ScoringJob;
  const deployment =
    targets === undefined ? announced.deployment : { ...announced.deployment, guard: guardOf(targets) };
  const needs = [deployment.token, deployment.dataRobotKey].some((secret) => (secret as unknown) === REDACTED);
  if (!needs) return { ...announced, deployment };
  if (targets !== undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      `the job ${name} has a key of its own for its prediction server, which jobs never announce; whoever runs it scores it alone`,
    );
  const known = knownDeployment(name, deployment, configuration);
  return {
    ...announced,
    deployment: {
      ...deployment,
      token: deployment.token && known.token,
      dataRobotKey: deployment.dataRobotKey && known.dataRobotKey,
    },
  };
}

function knownDeployment(
  name: string,
  { id, server }: Deployment,
  configuration: Configuration | undefined,
): Pick<Deployment, 'token' | 'dataRobotKey'> {
  const known = configuration?.deploymentIds.includes(id) ? configuration.deployment(id) : undefined;
  if (known === undefined)
    throw new SluiceError(
      'CONFIG_INVALID',
      `the deployment ${id} of the job ${name} needs a token, which jobs never announce; give the worker a configuration (--config) that has this deployment`,
    );
  // Anybody who may announce a job could have the token sent to himself.
  if (new URL(known.server).href === new URL(server).href) return known;
  throw new SluiceError(
    'CONFIG_INVALID',
    `the deployment ${id} of the job ${name} needs a token and is at ${server}, but at ${known.server} in the configuration of the worker, whose token is for that address alone; give both the same address`,
  );
}
