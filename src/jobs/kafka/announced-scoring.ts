import { SluiceError } from '../../core/error.ts';
import type { Configuration } from '../configuration.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { REDACTED } from '../description/secret.ts';
import type { Announcement } from './announcements.ts';

/** What the score stage needs to know of a job. */
export type ScoringJob = Omit<JobDescription, 'kafka' | 'intakeSettings' | 'outputSettings'>;

/**
 * The job that an announcement speaks of, with its secrets, which an announcement never holds: they come from the worker's own
 * configuration, by the deployment's ID. Throws CONFIG_INVALID when one is needed and not there.
 */
export function announcedScoring({ name, job }: Announcement, configuration: Configuration | undefined): ScoringJob {
  const announced = job as unknown as ScoringJob;
  const { deployment } = announced;
  const needs = [deployment.token, deployment.dataRobotKey].some((secret) => (secret as unknown) === REDACTED);
  if (!needs) return announced;
  const known = configuration?.deploymentIds.includes(deployment.id)
    ? configuration.deployment(deployment.id)
    : undefined;
  if (known === undefined) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `the deployment ${deployment.id} of the job ${name} needs a token, which jobs never announce; give the worker a configuration (--config) that has this deployment`,
    );
  }
  return {
    ...announced,
    deployment: {
      ...deployment,
      token: deployment.token && known.token,
      dataRobotKey: deployment.dataRobotKey && known.dataRobotKey,
    },
  };
}
