import type { Configuration } from '../configuration.ts';
import type { JobDescription } from './parse-job.ts';

/** A job with another prediction server, or another deployment of it: an entry of the configuration where it has one of that ID. */
export function withServer(
  job: JobDescription,
  { server, deployment: id }: { readonly server?: string; readonly deployment?: string },
  configuration: Configuration | undefined,
): JobDescription {
  const named =
    id === undefined
      ? job.deployment
      : configuration?.deploymentIds.includes(id)
        ? configuration.deployment(id)
        : { ...job.deployment, id };
  return { ...job, deployment: server === undefined ? named : { ...named, server } };
}
