import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error.ts';
import type { Progress } from '../job-run.ts';
import { ClaimedJob } from './claimed-job.ts';
import type { JobRecord, QueueEntry } from './job-record.ts';
import { ClaimWatch, inTurnNow } from './job-turns.ts';
import type { JobParts } from './job-work.ts';
import { ReplayedJob } from './replayed-job.ts';

/** How often the queue is looked at when nobody says that it has changed. */
const LOOK_MS = 500;

/**
 * Runs the jobs of the queue whose turn it is, each under a claim that it renews. Several runners, of several processes, share a queue. A job
 * whose runner was killed is taken over and goes on where its output is durable.
 */
export class JobRunner {
  /** Of this process and this start of it. */
  readonly id = randomUUID();
  readonly #parts: JobParts;
  readonly #clock: Clock;
  readonly #watch: ClaimWatch;
  readonly #running = new Map<string, ClaimedJob>();
  readonly #replays = new Map<string, ReplayedJob>();
  readonly #stopping = new AbortController();
  #woken = new AbortController();
  #loop: Promise<void> | null = null;

  /** @param isAlone no other process uses the store. */
  constructor(parts: JobParts, isAlone: boolean) {
    this.#parts = parts;
    this.#clock = parts.clock;
    this.#watch = new ClaimWatch(parts.clock, isAlone);
  }

  start(): void {
    this.#loop ??= this.#look();
  }

  /** The queue, or a job of it, has changed: it is looked at soon. */
  wake(id?: string): void {
    this.#woken.abort();
    if (id !== undefined) this.#running.get(id)?.wake();
  }

  /** Of a job that runs here; null: it does not. */
  progress(id: string): Progress | null {
    return this.#running.get(id)?.progress() ?? null;
  }

  /** Removes what a job has that was ended while nobody worked on it. @param record claimed for this runner. */
  clearAway(record: JobRecord): void {
    this.#begin(record);
  }

  /** Scores the dead letters of a job again. @param record claimed for this runner. */
  replay(record: JobRecord): void {
    const replay = new ReplayedJob(this.#parts, this.id, record);
    this.#replays.set(record.id, replay);
    void this.#whenReplayed(record.id, replay);
  }

  /** Takes no more jobs, drains those that run, and gives their claims back: they go on elsewhere, or after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#woken.abort();
    await this.#loop;
    const jobs = [...this.#running.values()];
    for (const job of jobs) job.stop();
    const replays = [...this.#replays.values()];
    for (const replay of replays) replay.stop();
    const drained = new AbortController();
    const hurry = async (): Promise<void> => {
      await this.#clock.sleep(1000 * this.#parts.settings.drainSeconds, drained.signal).catch(() => undefined);
      for (const job of jobs) job.abandon();
    };
    const hurrying = hurry();
    await Promise.all([...jobs, ...replays].map((job) => job.ended));
    drained.abort();
    await hurrying;
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#woken = new AbortController();
      try {
        await this.#take();
      } catch (error) {
        this.#parts.log(`the queue could not be looked at: ${messageOf(error)}`);
      }
      const either = AbortSignal.any([signal, this.#woken.signal]);
      await this.#clock.sleep(LOOK_MS, either).catch(() => undefined);
    }
  }

  async #take(): Promise<void> {
    const { store, settings } = this.#parts;
    const queue = await store.inQueue();
    // Who looks only need not wait for those who decide.
    if (this.#candidates(queue, settings.jobsPerServer).length === 0) return;
    const taken = await store.inTurn(async (now, update) => {
      const records: JobRecord[] = [];
      for (const { id } of this.#candidates(now, settings.jobsPerServer)) {
        const record = await update(id, () => ({ claim: { runner: this.id, beat: 0 } }));
        if (record !== null) records.push(record);
      }
      return records;
    });
    for (const record of taken) this.#begin(record);
  }

  #candidates(queue: readonly QueueEntry[], jobsPerServer: number): readonly QueueEntry[] {
    const voids = this.#watch.voidClaims(queue, this.id, (id) => this.#running.has(id) || this.#replays.has(id));
    return inTurnNow(queue, voids, jobsPerServer);
  }

  #begin(record: JobRecord): void {
    const job = new ClaimedJob(this.#parts, this.id, record);
    this.#running.set(record.id, job);
    void this.#whenEnded(record.id, job);
  }

  async #whenReplayed(id: string, replay: ReplayedJob): Promise<void> {
    await replay.ended;
    if (this.#replays.get(id) === replay) this.#replays.delete(id);
    this.wake();
  }

  async #whenEnded(id: string, job: ClaimedJob): Promise<void> {
    await job.ended;
    // A claim is given back a little before: the job may have been taken anew by now.
    if (this.#running.get(id) === job) this.#running.delete(id);
    this.wake();
  }
}
