import type { Clock } from './clock.ts';

/** What a stage spends its time on. `work` is its own computing, the rest is waiting for somebody else. */
export type Activity = 'work' | 'input' | 'server' | 'output';

/**
 * Adds up where the time of one stage goes, once per batch and activity, so that a run can say what bounds it. A
 * stage with several partitions adds them together: its shares are of partition-seconds.
 */
export class StageMeter {
  readonly stage: 'ingest' | 'score' | 'deliver';
  readonly #clock: Clock;
  readonly #ms: Record<Activity, number> = { work: 0, input: 0, server: 0, output: 0 };

  constructor(stage: StageMeter['stage'], clock: Clock) {
    this.stage = stage;
    this.#clock = clock;
  }

  /** Milliseconds per activity so far. */
  get milliseconds(): Readonly<Record<Activity, number>> {
    return this.#ms;
  }

  /** Runs `task` and books its duration. */
  async time<T>(activity: Activity, task: () => Promise<T>): Promise<T> {
    const start = this.#clock.now();
    try {
      return await task();
    } finally {
      this.#ms[activity] += this.#clock.now() - start;
    }
  }

  /** The same for work that does not wait. */
  timeSync<T>(activity: Activity, task: () => T): T {
    const start = this.#clock.now();
    try {
      return task();
    } finally {
      this.#ms[activity] += this.#clock.now() - start;
    }
  }

  /** Books what the same stage has spent in another process. */
  add(activity: Activity, milliseconds: number): void {
    this.#ms[activity] += milliseconds;
  }
}
