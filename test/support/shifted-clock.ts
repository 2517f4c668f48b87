import { type Clock, systemClock } from '../../src/core/clock.ts';

/** The machine's clock, but for the date, which a test sets; time goes on from there. */
export class ShiftedClock implements Clock {
  #shift = 0;

  constructor(date: string) {
    this.set(date);
  }

  set(date: string): void {
    this.#shift = Date.parse(date) - systemClock.wall();
  }

  now(): number {
    return systemClock.now();
  }

  wall(): number {
    return systemClock.wall() + this.#shift;
  }

  random(): number {
    return systemClock.random();
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return systemClock.sleep(ms, signal);
  }
}
