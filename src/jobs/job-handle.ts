import type { Clock } from '../core/clock.ts';
import type { JobResult, JobRun, Progress } from './job-run.ts';

const LOOK_EVERY_MS = 1_000;

interface HandleParts {
  readonly clock: Clock;
  readonly result: Promise<JobResult>;
  readonly look: () => Progress;
  readonly stop: () => void;
  readonly abort: () => void;
  readonly discard: () => void;
}

/** The user's side of a run under way. */
export function jobHandle({ clock, result, look, stop, abort, discard }: HandleParts): JobRun {
  // Who only iterates learns of a failure from the last look; the rejection must not end the process behind his back.
  result.catch(() => undefined);
  return {
    result,
    progress: look,
    stop,
    abort,
    discard,
    async *[Symbol.asyncIterator]() {
      const ended = new AbortController();
      const settled = result.then(
        () => ended.abort(),
        () => ended.abort(),
      );
      while (!ended.signal.aborted) {
        yield look();
        await clock.sleep(LOOK_EVERY_MS, ended.signal).catch(() => undefined);
      }
      await settled;
      yield look();
    },
  };
}
