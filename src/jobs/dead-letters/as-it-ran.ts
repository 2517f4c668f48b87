import type { Clock } from '../../core/clock.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { occludes } from '../explanations/occlusion-of.ts';
import { withBaseline } from '../explanations/read-baseline.ts';
import { openSource } from '../open-endpoints.ts';

/**
 * A job with the rows that it explains by, if it explains rows itself: the same ones as when it ran, so that a row has the explanation now that
 * it would have had then. Throws CONFIG_INVALID where they cannot be read any more.
 */
export async function withExplainingRows(
  job: JobDescription,
  clock: Clock,
  signal: AbortSignal,
): Promise<JobDescription> {
  if (!occludes(job)) return job;
  const streams = { input: process.stdin, output: process.stdout };
  const ports = { streams, cluster: null, clock, overwrite: false, keepsNothing: true } as const;
  if (job.explanation.baseline !== null || job.intakeSettings.type === 'kafka')
    return await withBaseline(job, null, ports, signal);
  try {
    await using source = openSource(job, ports);
    const identity = await source.identity(signal);
    return await withBaseline(job, { source, identity, splits: await source.splits(signal) }, ports, signal);
  } catch (error) {
    signal.throwIfAborted();
    const fault = findSluiceError(error);
    if (fault === undefined || fault.code === 'CONFIG_INVALID') throw error;
    throw new SluiceError(
      'CONFIG_INVALID',
      `The job explains its rows by the first ones of its intake, which cannot be read: ${fault.message} Bring the intake back for the replay, or ` +
        'give explanation.baseline in the next job: a replay then needs no intake.',
      { cause: error },
    );
  }
}

/** The job with the sampling that was decided when the output was written: by the size of an intake that may be gone. */
export function asSampled(job: JobDescription, { job: written }: Pick<Manifest, 'job'>): JobDescription {
  const { driftSampling } = written;
  const isDecided = driftSampling === 'all' || typeof driftSampling === 'number';
  return job.driftSampling === 'auto' && isDecided ? { ...job, driftSampling } : job;
}
