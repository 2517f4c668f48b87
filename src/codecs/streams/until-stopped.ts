import { SluiceError } from '../../core/error.ts';

/**
 * A stream that somebody may wait for in vain, a terminal or a pipe that stays open: it ends with JOB_INTERRUPTED when it is to stop, and not as if
 * it had come to its end, as what came last may be half a row. A stream that is still waited for then is destroyed, where it can be.
 */
export async function* untilStopped(
  input: AsyncIterable<Uint8Array>,
  name: string,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const iterator = input[Symbol.asyncIterator]();
  let isAwaited = false;
  try {
    for (;;) {
      isAwaited = true;
      const next = await orStopped(iterator.next(), name, stop);
      isAwaited = false;
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    if (!isAwaited) await iterator.return?.();
    else if ('destroy' in input && typeof input.destroy === 'function') input.destroy();
  }
}

async function orStopped<T>(work: Promise<T>, name: string, stop: AbortSignal): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const onStop = (): void => reject(new SluiceError('JOB_INTERRUPTED', `stopped while ${name} was waited for`));
  // What is awaited no more may still fail, unseen.
  work.catch(() => undefined);
  if (stop.aborted) onStop();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
