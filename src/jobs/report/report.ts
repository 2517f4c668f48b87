import type { ModelIdentity } from '../../core/model.ts';
import type { Tally } from '../../core/scored-batch.ts';
import type { Statistics } from '../../core/statistics.ts';
import { type Drift, driftOf } from '../../monitoring/drift.ts';
import type { ServiceFigures } from '../../observe/service-statistics.ts';
import { bottleneck } from '../bottleneck.ts';
import type { JobDescription } from '../description/parse-job.ts';
import type { JobResult, StageTimes } from '../job-run.ts';
import { intakeName, outputName } from '../open-endpoints.ts';

/** What `report.json` says of a job that is done, and what the page shows. Names and units are stable. */
export interface Report {
  readonly version: 1;
  /** ISO 8601, UTC. */
  readonly finished: string;
  readonly intake: string;
  readonly output: string;
  readonly deployment: string;
  readonly model: ModelIdentity | null;
  readonly rows: Tally;
  readonly intakeBytes: number;
  /** Why rows were not scored, the most frequent cause first; numbers in it are `#`. Of rare causes some may be missing. */
  readonly refusals: readonly { readonly cause: string; readonly rows: number }[];
  readonly speed: {
    readonly elapsedMs: number;
    readonly rowsPerSecond: number;
    /** Rows that an earlier run had done. */
    readonly continuedFrom: number;
    readonly retries: number;
  };
  /** What the run spent most of its time on, in words; the figures are in `stages`. */
  readonly bottleneck: string;
  readonly stages: readonly StageTimes[];
  /** Requests of this run, in this process. */
  readonly service: ServiceFigures;
  /** Null without a baseline, and with `skipDriftTracking`. */
  readonly drift: Drift | null;
  /** Null with `skipDriftTracking`. */
  readonly statistics: Statistics | null;
}

/** The report of a job that has ended well. */
export function reportOf(job: JobDescription, { manifest, progress }: JobResult): Report {
  const { statistics = null } = manifest;
  const { baseline, driftThreshold } = job.deployment;
  return {
    version: 1,
    finished: manifest.finished,
    intake: intakeName(job),
    output: outputName(job),
    deployment: job.deployment.id,
    model: manifest.model,
    rows: manifest.tally,
    intakeBytes: manifest.intakeBytes,
    refusals: refusalsOf(statistics),
    speed: {
      elapsedMs: Math.round(progress.elapsedMs),
      rowsPerSecond: Math.round(progress.rowsPerSecond),
      continuedFrom: progress.continuedFrom,
      retries: progress.retries,
    },
    bottleneck: bottleneck(progress.stages, job.numConcurrent),
    stages: progress.stages,
    service: progress.service,
    drift: statistics === null || baseline === null ? null : driftOf(statistics, baseline, driftThreshold),
    statistics,
  };
}

function refusalsOf(statistics: Statistics | null): Report['refusals'] {
  const causes = statistics?.refusals.values ?? [];
  return causes.map(([, cause, rows]) => ({ cause, rows })).toSorted((a, b) => b.rows - a.rows);
}
