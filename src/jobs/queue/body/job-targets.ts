import { parseJdbcUrl } from '../../../../connectors/sql/jdbc-url.ts';
import type { Clock } from '../../../core/clock.ts';
import { type ConnectionGuard, targetOf } from '../../../core/connection-guard.ts';
import { findSluiceError } from '../../../core/error.ts';
import type { JobDescription } from '../../description/parse-job.ts';

/** Names that do not resolve in this time are left to the run. */
const RESOLVE_MS = 3_000;

/**
 * Asks the guard of a job about the addresses that the job gives, so that whoever makes it hears at once of one that is refused; each
 * connection asks again. Throws TARGET_REFUSED; what cannot be resolved now is no matter of this.
 */
export async function assertTargets(job: JobDescription, clock: Pick<Clock, 'sleep'>): Promise<void> {
  const { intakeSettings, outputSettings, deployment } = job;
  const places = [intakeSettings, outputSettings].flatMap((settings) => {
    const guard = settings.guard;
    return guard === undefined ? [] : hostsOf(settings).map((url) => ({ guard, ...url }));
  });
  if (deployment.guard !== undefined) places.push({ guard: deployment.guard, ...targetOf(new URL(deployment.server)) });
  await Promise.all(places.map(({ guard, host, port }) => assertTarget(guard, { host, port }, clock)));
}

interface Target {
  readonly host: string;
  readonly port: number;
}

function hostsOf(settings: JobDescription['intakeSettings' | 'outputSettings']): readonly Target[] {
  if (settings.type === 'http') return [targetOf(new URL(settings.url.reveal()))];
  if (settings.type === 's3') return settings.endpointUrl === null ? [] : [targetOf(new URL(settings.endpointUrl))];
  if (settings.type !== 'jdbc' || settings.jdbcUrl === null) return [];
  return parseJdbcUrl(settings.jdbcUrl.reveal()).hosts.map(({ host, port }) => ({ host, port: port ?? 0 }));
}

async function assertTarget(
  guard: ConnectionGuard,
  { host, port }: Target,
  clock: Pick<Clock, 'sleep'>,
): Promise<void> {
  const lookup = guard(host, port);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const done = new AbortController();
  clock.sleep(RESOLVE_MS, done.signal).then(resolve, () => undefined);
  lookup(host, { all: true }, (error) => resolve(error));
  const error = await promise;
  done.abort();
  if (findSluiceError(error) !== undefined) throw error;
}
