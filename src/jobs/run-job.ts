import { systemClock } from '../core/clock.ts';
import { findSluiceError, firstError, messageOf, SluiceError } from '../core/error.ts';
import { StageMeter } from '../core/stage-meter.ts';
import { diagnostics } from '../observe/diagnostics.ts';
import type { JobInput } from './description/job-description.ts';
import { type JobDescription, resolveJob } from './description/parse-job.ts';
import { jobHandle } from './job-handle.ts';
import type { JobRun } from './job-run.ts';
import { ProgressTracker } from './progress-tracker.ts';
import type { RunJobOptions } from './run-job-options.ts';
import { atRunTime } from './run-time.ts';
import { RunningJob } from './running-job.ts';

/**
 * Runs a job: scores its intake into its output, once per row and in order; continues an interrupted run of the same
 * job. Returns at once; throws CONFIG_INVALID when the description is not valid, all else comes out of `result`.
 * @param description as a job file has it, with the deployment in place.
 */
export function runJob(description: JobInput | JobBetween, options: RunJobOptions = {}): JobRun {
  const { source, sink } = options;
  const ends = {
    ...(source === undefined ? {} : { intakeSettings: { file: '-' } }),
    ...(sink === undefined ? {} : { outputSettings: { path: '-' } }),
  };
  return startJob(resolveJob({ ...ends, ...description }), options);
}

/** A description for a run with a source and sink of its own. */
export type JobBetween = Omit<JobInput, 'intakeSettings' | 'outputSettings'> &
  Partial<Pick<JobInput, 'intakeSettings' | 'outputSettings'>>;

/** The same for a job that `parseJob` or `loadJob` has read. */
export function startJob(description: JobDescription, options: RunJobOptions = {}): JobRun {
  const clock = options.clock ?? systemClock;
  const job = atRunTime(description, clock.wall());
  const meters = {
    ingest: new StageMeter('ingest', clock),
    score: new StageMeter('score', clock),
    deliver: new StageMeter('deliver', clock),
  };
  const tracker = new ProgressTracker(clock, Object.values(meters));
  const stopping = new AbortController();
  const aborting = new AbortController();
  // An output that has the time of the run in its name is continued by no other run.
  const keeps = { nothing: outputOf(job) !== outputOf(description) };
  const signal = options.signal === undefined ? aborting.signal : AbortSignal.any([options.signal, aborting.signal]);
  const abort = (why: string): void => {
    aborting.abort(
      new SluiceError('JOB_INTERRUPTED', `${why}; run the same job again to continue from the last commit`),
    );
  };
  // A server that does not answer cannot be waited for by somebody who wants to leave: his rows come with the next run.
  let waitingUntil = 0;
  const onWait = (ms: number): void => {
    waitingUntil = clock.now() + ms;
    if (stopping.signal.aborted) abort('stopped while the prediction server did not answer');
  };
  const running = new RunningJob(job, options, {
    clock,
    meters,
    tracker,
    stop: stopping.signal,
    signal,
    onWait,
    keeps,
  });
  const finished = (state: 'done' | 'failed' | 'interrupted'): void =>
    diagnostics.jobFinished(() => {
      const { tally, elapsedMs } = tracker.look();
      return { deployment: job.deployment.id, state, rows: tally.read, elapsedMs };
    });
  const result = running.execute().then(
    (outcome) => {
      finished('done');
      return outcome;
    },
    (error: unknown) => {
      const state = findSluiceError(error)?.code === 'JOB_INTERRUPTED' ? 'interrupted' : 'failed';
      tracker.enter(state, messageOf(error));
      finished(state);
      throw firstError(error);
    },
  );
  return jobHandle({
    clock,
    result,
    look: () => tracker.look(),
    stop: () => {
      const waits = tracker.state === 'paused' || clock.now() < waitingUntil;
      if (tracker.state === 'running' || tracker.state === 'paused') tracker.enter('draining');
      stopping.abort();
      if (waits) abort('stopped while the prediction server did not answer');
    },
    abort: () => abort('stopped at once'),
    discard: () => {
      keeps.nothing = true;
      aborting.abort(new SluiceError('JOB_INTERRUPTED', 'given up; what it had written is removed'));
    },
  });
}

function outputOf({ outputSettings: output }: JobDescription): string {
  return output.type === 's3' ? output.url : '';
}
