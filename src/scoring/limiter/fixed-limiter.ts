import type { Limiter, Permit } from '../limiter.ts';
import { WaitingLine } from './waiting-line.ts';

/** At most `limit` requests at once, always. */
export function fixedLimiter(limit: number): Limiter {
  const line = new WaitingLine<Permit>();
  let inFlight = 0;

  const serve = (): void => {
    if (line.isEmpty || inFlight >= limit) return;
    inFlight += 1;
    let held = true;
    line.admit({
      release: () => {
        if (!held) return;
        held = false;
        inFlight -= 1;
        serve();
      },
    });
  };

  return {
    limit,
    isSettled: true,
    get inFlight() {
      return inFlight;
    },
    acquire: (signal) => {
      const turn = line.wait(signal);
      serve();
      return turn;
    },
    leave: () => undefined,
  };
}
