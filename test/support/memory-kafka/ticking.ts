import { ManualClock } from '../manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from './memory-kafka.ts';

/** A cluster whose time goes on only when nothing else does, until it is disposed of. */
export interface TickingKafka extends Disposable {
  readonly kafka: MemoryKafka;
  readonly clock: ManualClock;
}

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
    [Symbol.dispose]: () => over.abort(),
  };
}
