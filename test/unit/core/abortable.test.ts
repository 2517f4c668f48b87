import { describe, expect, test } from 'vitest';
import { abortable } from '../../../src/core/abortable.ts';

const reason = new Error('stopped');

/** What Node would end the process for while `act` runs and until its next turn is over. */
async function unhandledOf(act: () => Promise<void>): Promise<readonly unknown[]> {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', note);
  try {
    await act();
    await new Promise((resolve) => setImmediate(resolve));
    return unhandled;
  } finally {
    process.off('unhandledRejection', note);
  }
}

describe('work that is waited for until a signal aborts', () => {
  test('gives what it gives, also its failure', async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(7), signal)).toBe(7);
    await expect(abortable(Promise.reject(new Error('failed')), signal)).rejects.toThrow('failed');
  });

  // A partition that was lost before its writer had asked for the shared producer ended the whole process when no broker answered.
  test.each(['before', 'meanwhile'] as const)('fails unseen behind a signal that aborted %s', async (when) => {
    const unhandled = await unhandledOf(async () => {
      const work = Promise.withResolvers<never>();
      const stop = new AbortController();
      if (when === 'before') stop.abort(reason);
      const waited = abortable(work.promise, stop.signal);
      stop.abort(reason);
      await expect(waited).rejects.toBe(reason);
      work.reject(new Error('failed later'));
    });
    expect(unhandled).toEqual([]);
  });
});
