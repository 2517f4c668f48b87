import type { Clock } from '../../core/clock.ts';
import type { Progress } from '../job-run.ts';
import { hasEnded, type JobRecord } from './job-record.ts';

/** A job has changed. */
export interface JobEvent {
  readonly record: JobRecord;
  /** Of its run, where it runs in this process. */
  readonly progress: Progress | null;
}

export type JobListener = (event: JobEvent) => void;

/** At most so many events of one job a second. */
const EVERY_MS = 250;

/** Tells of changes of jobs: of each job the newest, and the last one always. */
export class JobEvents {
  readonly #clock: Clock;
  readonly #listeners = new Set<JobListener>();
  readonly #told = new Map<string, { at: number; waiting: JobEvent | null }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until what it gives is called. */
  watch(listener: JobListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  tell(event: JobEvent): void {
    if (this.#listeners.size === 0) return;
    const { id } = event.record;
    const before = this.#told.get(id);
    if (before?.waiting !== null && before !== undefined) {
      before.waiting = event;
      return;
    }
    const now = this.#clock.now();
    if (before === undefined || now - before.at >= EVERY_MS) {
      this.#told.set(id, { at: now, waiting: null });
      this.#say(event);
      return;
    }
    before.waiting = event;
    void this.#later(id, before, EVERY_MS - (now - before.at));
  }

  async #later(id: string, told: { waiting: JobEvent | null }, ms: number): Promise<void> {
    await this.#clock.sleep(ms, new AbortController().signal);
    this.#told.set(id, { at: this.#clock.now(), waiting: null });
    if (told.waiting !== null) this.#say(told.waiting);
  }

  #say(event: JobEvent): void {
    for (const listener of this.#listeners) listener(event);
    const { record } = event;
    if (hasEnded(record) && record.claim === null) this.#told.delete(record.id);
  }
}
