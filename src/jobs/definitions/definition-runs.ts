import type { Clock } from '../../core/clock.ts';
import { findSluiceError, messageOf } from '../../core/error.ts';
import type { Caller } from '../queue/caller.ts';
import type { JobOrigin } from '../queue/job-maker.ts';
import { hasEnded, type JobRecord } from '../queue/job-record.ts';
import type { JobService } from '../queue/job-service.ts';
import { newJobId } from '../queue/job-work.ts';
import type { DefinitionRecord, DefinitionRun } from './definition-record.ts';
import type { DefinitionChange, DefinitionStore } from './definition-store.ts';
import { nextTime } from './next-time.ts';
import type { ScheduleSettings } from './schedule-settings.ts';

export interface RunParts {
  readonly store: DefinitionStore;
  readonly jobs: JobService;
  readonly clock: Clock;
  readonly settings: ScheduleSettings;
  readonly log: (line: string) => void;
}

/** A run whose job is not made after so long was given up by who began it. Longer than making a job takes. */
export const UNMADE_MS = 30_000;

/**
 * Runs definitions, each at most once at a time, whoever asks in whatever process: a run is begun by a compare-and-set of its definition, and
 * its job, whose ID stands there, is made after that.
 */
export class DefinitionRuns {
  readonly #parts: RunParts;

  constructor(parts: RunParts) {
    this.#parts = parts;
  }

  /** The definition with what has become of its run; switched off where it failed too often. Null: it is gone. */
  async settled(id: string): Promise<{ readonly record: DefinitionRecord; readonly job: JobRecord | null } | null> {
    const { store, jobs } = this.#parts;
    for (;;) {
      const record = await store.get(id);
      if (record === null) return null;
      const { run } = record;
      if (run === null || !run.isMade) return { record, job: null };
      const job = await jobs.store.get(run.jobId);
      if (job !== null && !hasEnded(job)) return { record, job };
      const changed = await store.change(record, job === null ? { run: null } : this.#outcome(record, run, job));
      if (changed !== null) return { record: changed, job };
    }
  }

  /** Runs a definition because somebody wants it. Throws what making the job throws; a second run at once is made, and aborted. */
  async runNow(id: string, address: string): Promise<JobRecord | null> {
    for (;;) {
      const found = (await this.settled(id))?.record;
      if (found === undefined) return null;
      const run = this.#newRun(found, false, found.nextRun, address);
      if (found.run !== null) return await this.#refuse(found, run, found.run);
      const begun = await this.#parts.store.change(found, { run, lastStarted: startedBy(run) });
      if (begun !== null) return await this.#make(begun, run);
    }
  }

  /** Runs a definition whose time has come, once for all times that were missed. Nothing if somebody else has done so. */
  async runDue(id: string): Promise<void> {
    const { store, clock, settings, log } = this.#parts;
    const found = (await this.settled(id))?.record;
    const now = clock.wall();
    if (found === undefined || found.nextRun === null || found.schedule === null || found.nextRun > now) return;
    const nextRun = nextTime(found.schedule, Math.max(now, found.nextRun));
    const run = this.#newRun(found, true, nextRun, 'its schedule');
    const overlapped = found.run;
    const change: DefinitionChange = {
      nextRun,
      lastScheduled: found.nextRun,
      ...(overlapped === null ? { run, lastStarted: startedBy(run) } : {}),
    };
    const most = settings.runsPerDay;
    const begun = await store.changeCounted(found, change, { now, most, beyond: { nextRun } });
    if (begun === null) return;
    if (begun.isBeyond) {
      log(
        `the definition "${found.name}" was not run: there were ${most} scheduled runs today (server.schedule.runsPerDay)`,
      );
      return;
    }
    if (overlapped !== null) await this.#refuse(begun.record, run, overlapped);
    else await this.#makeScheduled(begun.record, run);
  }

  /** Makes the job of a run that somebody has begun and left. */
  async finishBegun(id: string): Promise<void> {
    const record = await this.#parts.store.get(id);
    const run = record?.run ?? null;
    if (record === null || run === null || run.isMade) return;
    if (this.#parts.clock.wall() - run.at < UNMADE_MS) return;
    await this.#makeScheduled(record, run);
  }

  #newRun(
    record: DefinitionRecord,
    isScheduled: boolean,
    nextScheduled: number | null,
    address: string,
  ): DefinitionRun {
    const { clock } = this.#parts;
    const { lastSuccessful: lastCompleted, lastScheduled } = record;
    const times = { lastCompleted, lastScheduled, nextScheduled };
    return { jobId: newJobId(clock), isScheduled, at: clock.wall(), times, address, isMade: false };
  }

  /** A job that cannot be made ends the run: nobody is there to be told, so it is made and aborted, with the reason. */
  async #makeScheduled(record: DefinitionRecord, run: DefinitionRun): Promise<void> {
    try {
      await this.#make(record, run);
    } catch (error) {
      const code = findSluiceError(error)?.code ?? 'CONFIG_INVALID';
      // The run stays begun, and is finished when the store is there again.
      if (code === 'DATABASE_UNREACHABLE' || code === 'JOB_INTERRUPTED') throw error;
      const refusal = { reason: messageOf(error), code };
      const job = await this.#parts.jobs
        .refuse(record.body, ownerOf(record), originOf(record, run), refusal)
        .catch((fault: unknown) => {
          this.#parts.log(`the definition "${record.name}" could not be run: ${messageOf(fault)}`);
          return null;
        });
      await this.#change(record.id, (now) =>
        now.run?.jobId === run.jobId ? { ...this.#failed(now, run), lastStarted: startedBy(run, job?.status) } : null,
      );
    }
  }

  /** Throws what keeps the job from being made; then there is no run, unless the store is away. */
  async #make(record: DefinitionRecord, run: DefinitionRun): Promise<JobRecord> {
    const { jobs } = this.#parts;
    let job: JobRecord;
    try {
      job = await jobs.create(record.body, ownerOf(record), originOf(record, run));
    } catch (error) {
      const made = await jobs.store.get(run.jobId);
      if (made === null) {
        if (!run.isScheduled)
          await this.#change(record.id, (now) => (now.run?.jobId === run.jobId ? { run: null } : null));
        throw error;
      }
      // Somebody who was taken for gone has made it after all.
      job = made;
    }
    await this.#change(record.id, (now) =>
      now.run?.jobId === run.jobId && !now.run.isMade ? { run: { ...run, isMade: true } } : null,
    );
    // A quick job may have ended before anybody could know that it was a run of this one.
    await this.settled(record.id);
    return job;
  }

  async #refuse(record: DefinitionRecord, run: DefinitionRun, before: DefinitionRun): Promise<JobRecord> {
    const reason = `a run of this definition does not begin before the one before it has ended (job ${before.jobId})`;
    return await this.#parts.jobs.refuse(record.body, ownerOf(record), originOf(record, run), { reason, code: null });
  }

  #outcome(record: DefinitionRecord, run: DefinitionRun, job: JobRecord): DefinitionChange {
    const lastStarted =
      record.lastStarted?.jobId === job.id ? { ...record.lastStarted, status: job.status } : record.lastStarted;
    if (job.status === 'COMPLETED') return { run: null, lastStarted, lastSuccessful: run.at, failures: 0 };
    // Who ended it himself says nothing of the next run.
    if (job.failure === null) return { run: null, lastStarted, lastFailed: run.at };
    return { ...this.#failed(record, run), lastStarted };
  }

  #failed(record: DefinitionRecord, run: DefinitionRun): DefinitionChange {
    const failures = record.failures + (run.isScheduled ? 1 : 0);
    const ended = { run: null, lastFailed: run.at, failures };
    const most = this.#parts.settings.failuresBeforeDisabling;
    if (!record.enabled || failures < most) return ended;
    this.#parts.log(
      `the definition "${record.name}" was switched off: ${failures} scheduled runs failed, one after the other`,
    );
    return { ...ended, enabled: false, nextRun: null };
  }

  /** Changes a record, however often it takes. */
  async #change(id: string, change: (record: DefinitionRecord) => DefinitionChange | null): Promise<void> {
    const { store } = this.#parts;
    for (;;) {
      const record = await store.get(id);
      const wanted = record === null ? null : change(record);
      if (record === null || wanted === null || (await store.change(record, wanted)) !== null) return;
    }
  }
}

function startedBy(run: DefinitionRun, status: JobRecord['status'] = 'INITIALIZING'): DefinitionRecord['lastStarted'] {
  return { jobId: run.jobId, at: run.at, status };
}

/** Jobs of a definition are those of who made it: his credentials, his limits. */
function ownerOf({ createdBy }: DefinitionRecord): Caller {
  return { user: createdBy, role: 'run' };
}

function originOf({ id, name, createdBy }: DefinitionRecord, run: DefinitionRun): JobOrigin {
  return {
    id: run.jobId,
    source: run.isScheduled ? 'Scheduled Run' : 'Manual Run',
    address: run.address,
    definition: { id, name, createdBy },
    times: { current: run.at, definition: run.times },
  };
}
