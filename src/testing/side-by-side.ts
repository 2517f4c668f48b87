/**
 * Tries places one after the other until `isLast` says that one was the last, `width` of them at the same time. Those that were begun beside the
 * last one are waited for.
 */
export async function sideBySide<T>(
  width: number,
  attempt: (at: number) => Promise<T>,
  isLast: (outcome: T, at: number) => boolean,
): Promise<void> {
  let next = 0;
  let ended = false;
  const lane = async (): Promise<void> => {
    while (!ended) {
      const at = next;
      next += 1;
      try {
        const outcome = await attempt(at);
        if (isLast(outcome, at)) ended = true;
      } catch (error) {
        ended = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: width }, lane));
  for (const outcome of lanes) if (outcome.status === 'rejected') throw outcome.reason;
}
