import type { JobRun } from '../jobs/job-run.ts';

/**
 * Ctrl-C once drains the run, twice ends it at once; SIGTERM counts as Ctrl-C. Returns what gives the signals back.
 * @param say tells the user, once per signal.
 */
export function interruptible(run: JobRun, say: (text: string) => void): Disposable {
  let signals = 0;
  const onSignal = (): void => {
    signals += 1;
    if (signals === 1) {
      say(
        'stopping: what is in flight is finished and made durable. Run the same command again to continue; press Ctrl-C again to stop at once.',
      );
      run.stop();
    } else {
      say('stopped at once. Run the same command again to continue from the last commit.');
      run.abort();
    }
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    [Symbol.dispose]: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
