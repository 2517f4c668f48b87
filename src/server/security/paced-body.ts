import type { Clock } from '../../core/clock.ts';
import { SluiceError } from '../../core/error.ts';
import { settlesWithin } from '../../core/settles-within.ts';

/** What must come, at the least. */
export interface Pace {
  readonly bytes: number;
  /** In so many milliseconds of waiting. */
  readonly windowMs: number;
}

/**
 * A body that must keep a pace: slow lines do, and whoever keeps a connection open by a byte now and then does not. Only time in which
 * this side waits for bytes counts. Throws JOB_LIMIT (408) for one that stays behind; the upload may be continued.
 */
export async function* pacedBody(
  body: AsyncIterable<Uint8Array>,
  { bytes, windowMs }: Pace,
  clock: Pick<Clock, 'now' | 'sleep'>,
): AsyncGenerator<Uint8Array, void> {
  const iterator = body[Symbol.asyncIterator]();
  let [came, waited] = [0, 0];
  for (;;) {
    const next = iterator.next();
    for (;;) {
      const since = clock.now();
      const isHere = await settlesWithin(next, windowMs - waited, clock);
      waited += clock.now() - since;
      if (waited >= windowMs) {
        if (came < bytes && !(isHere && (await next).done === true)) {
          next.catch(() => undefined);
          throw new SluiceError(
            'JOB_LIMIT',
            `The upload is too slow: ${came} bytes came in ${Math.round(windowMs / 1000)} s, where ${bytes} are wanted. Continue it with Content-Range.`,
            { status: 408 },
          );
        }
        [came, waited] = [0, 0];
      }
      if (isHere) break;
    }
    const { done, value } = await next;
    if (done === true) return;
    came += value.length;
    yield value;
  }
}
