import { createHash } from 'node:crypto';
import { canonicalJson, type Json } from '../../core/json.ts';
import type { JobIdentity } from '../../core/ledger.ts';
import type { Monitor } from '../../core/monitor.ts';
import type { Split } from '../../core/source.ts';
import type { Baseline } from '../../monitoring/baseline.ts';
import { createMonitor } from '../../monitoring/batch-monitor.ts';
import type { JobDescription } from '../description/parse-job.ts';

/** What monitoring needs to know of a job, in whatever process. */
type MonitoredJob = Pick<
  JobDescription,
  'deployment' | 'skipDriftTracking' | 'driftSampling' | 'report' | 'predictionLog'
>;

/** An intake of more bytes is looked at in part, unless the job says otherwise: up to here all of it takes some 0.3 seconds. */
const EXACT_BYTES = 64 * 1024 * 1024;
/** The part is one row in so many: it takes less than 10 % of the rate of the fastest intake that we know (docs/benchmarks.md). */
const SAMPLE_EVERY = 50;

/** What looks at the batches of a job; null for a job that is not monitored. */
export function monitorOf(job: MonitoredJob): Monitor | null {
  const { deployment, driftSampling } = job;
  const hasStatistics = keepsStatistics(job);
  const hasAssociations = keepsAssociations(job);
  if (!hasStatistics && !hasAssociations) return null;
  const every = typeof driftSampling === 'number' ? driftSampling : 1;
  return createMonitor({
    statistics: hasStatistics ? { baseline: deployment.baseline, every } : null,
    associationId: hasAssociations ? deployment.associationId : null,
  });
}

/** Whether predictions are kept for actuals that come later. */
function keepsAssociations({ deployment, skipDriftTracking, predictionLog }: MonitoredJob): boolean {
  return !skipDriftTracking && predictionLog !== null && deployment.associationId !== null;
}

function keepsStatistics({ deployment, skipDriftTracking, report }: MonitoredJob): boolean {
  return !skipDriftTracking && (deployment.baseline !== null || report !== null);
}

/** The job with its sampling decided by the size of the intake, which is the same on every run and in every process. */
export function withSampling<J extends MonitoredJob>(job: J, splits: readonly Split[]): J {
  if (job.driftSampling !== 'auto') return job;
  const bytes = splits.reduce((sum, split) => sum + (split.bytes ?? 0), 0);
  return { ...job, driftSampling: bytes > EXACT_BYTES ? SAMPLE_EVERY : ('all' as const) };
}

/** Counts by other bins cannot be added: another baseline, or other rows looked at, makes another job. Nothing where none are kept. */
export function monitoringIdentity(job: MonitoredJob): JobIdentity {
  const { baseline } = job.deployment;
  if (!keepsStatistics(job) || baseline === null) return {};
  return { baseline: baselineDigest(baseline), driftSampling: job.driftSampling };
}

/** What tells one baseline from another. */
export function baselineDigest(baseline: Baseline): string {
  const text = canonicalJson(baseline as unknown as Json);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
