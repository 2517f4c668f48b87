import { messageOf } from '../../core/error.ts';
import { aborted } from './job-changes.ts';
import { hasEnded } from './job-record.ts';
import type { JobParts } from './job-work.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** How often it is looked for what is to go. */
const EVERY_MS = 60_000;
/** A folder without a job is left alone for so long: its job may just be made. */
const ORPHAN_MS = HOUR_MS;

/** Removes what is older than it is kept: uploads and results, jobs that wait for an upload in vain, folders that no job knows. */
export class Retention {
  readonly #parts: JobParts;
  readonly #wake: () => void;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | null = null;

  constructor(parts: JobParts, wake: () => void) {
    this.#parts = parts;
    this.#wake = wake;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#parts;
    while (!this.#stopping.signal.aborted) {
      await this.#sweep().catch((error: unknown) => log(`old results could not be removed: ${messageOf(error)}`));
      await this.#sweepCluster().catch((error: unknown) => {
        if (!this.#stopping.signal.aborted) log(`topics of old jobs could not be removed: ${messageOf(error)}`);
      });
      await clock.sleep(EVERY_MS, this.#stopping.signal).catch(() => undefined);
    }
  }

  async #sweep(): Promise<void> {
    const { store, settings, folders, clock, growths, monitoring, batches } = this.#parts;
    const now = clock.wall();
    for (const { id } of await store.endedBefore(now - settings.retentionHours * HOUR_MS)) {
      // The record first: a download that begins between the two must not find half of it.
      await store.update(id, () => ({ resultsDeleted: true }));
      growths.of(id).tell();
      growths.forget(id);
      await folders.remove(id);
    }
    for (const { id } of await store.uploadsBefore(now - settings.uploadTimeoutHours * HOUR_MS)) {
      const reason = `its upload did not come within ${settings.uploadTimeoutHours} h`;
      await store.update(id, (record) =>
        hasEnded(record) || record.claim !== null
          ? null
          : aborted(record, { reason, code: 'JOB_LIMIT', wall: clock.wall() }),
      );
      this.#wake();
    }
    await monitoring.forget(now - settings.monitoringDays * DAY_MS);
    await batches.forget(now - settings.monitoringDays * DAY_MS);
    for (const id of await folders.olderThan(now - ORPHAN_MS))
      if ((await store.get(id)) === null) await folders.remove(id);
  }

  /** Topics of jobs that nobody will continue: their server was killed, or the cluster was away, when they were to be removed. */
  async #sweepCluster(): Promise<void> {
    const { store, cluster } = this.#parts;
    for (const id of (await cluster?.jobIds()) ?? []) {
      if (this.#stopping.signal.aborted) return;
      const record = await store.get(id);
      // Jobs that are not known here are those of other servers.
      if (record !== null && cluster?.isDoneWith(record) === true) await cluster.forget(id, this.#stopping.signal);
    }
  }
}
