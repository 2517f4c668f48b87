import { ManualClock } from '../manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.ts';

/** A cluster whose time goes on only when nothing else does, until it is disposed of. */
export interface TickingKafka extends Disposable {
  readonly kafka: MemoryKafka;
  readonly clock: ManualClock;
  /** Rejects when the work is not done within an hour of the cluster's time: it never will be. */
  ending<T>(work: Promise<T>): Promise<T>;
}

const LONG_MS = 3_600_000;

/** @param seed shuffles what is under way; left out: everything in order. */
export function tickingKafka(seed?: number): TickingKafka {
  const clock = new ManualClock();
  const kafka = createMemoryKafka(seed === undefined ? { clock } : { clock, seed });
  const over = new AbortController();
  const tick = async (): Promise<void> => {
    while (!over.signal.aborted) {
      await kafka.settled();
      clock.advance(50);
    }
  };
  void tick();
  return {
    kafka,
    clock,
    ending: async (work) => {
      const late = new AbortController();
      const endless = clock.sleep(LONG_MS, late.signal).then(() => {
        throw new Error('it does not come to its end');
      });
      try {
        return await Promise.race([work, endless]);
      } finally {
        late.abort();
        endless.catch(() => undefined);
      }
    },
    [Symbol.dispose]: () => over.abort(),
  };
}
