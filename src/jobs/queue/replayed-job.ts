import { messageOf } from '../../core/error.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { Tally } from '../../core/scored-batch.ts';
import { replayJob } from '../dead-letters/replay-job.ts';
import type { ReplayReport } from '../dead-letters/replay-report.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { withoutPlaces } from './body/described-job.ts';
import { BEAT_MS, ClaimLease } from './claim-lease.ts';
import { logTime, withLine } from './job-log.ts';
import type { JobRecord } from './job-record.ts';
import type { JobParts } from './job-work.ts';
import { ownedJob } from './owned-job.ts';
import type { JobChange } from './store/job-store.ts';
import { SpoolFolder } from './upload/spool-folder.ts';

/**
 * The dead letters of one finished job that are scored again, under a claim of this process. Whatever dies on the way, the output is as it
 * was or completed, the claim becomes void, and the next replay does what is left.
 */
export class ReplayedJob {
  /** Never rejects. */
  readonly ended: Promise<void>;
  readonly #parts: JobParts;
  readonly #runner: string;
  readonly #record: JobRecord;
  readonly #leaving = new AbortController();

  /** @param record claimed already. */
  constructor(parts: JobParts, runner: string, record: JobRecord) {
    this.#parts = parts;
    this.#runner = runner;
    this.#record = record;
    this.ended = this.#work().catch((error: unknown) =>
      parts.log(`the replay of job ${record.id} was left as it is: ${messageOf(error)}`),
    );
  }

  /** Ends it at once; the output stays as it was, unless it is being published. */
  stop(): void {
    this.#leaving.abort();
  }

  async #work(): Promise<void> {
    const done = new AbortController();
    const beating = this.#beat(done.signal);
    let change: JobChange;
    try {
      change = await this.#replay();
    } catch (error) {
      const { folders, context } = this.#parts;
      const why = withoutPlaces(messageOf(error), folders.of(this.#record.id), context.configuration);
      const reason = this.#leaving.signal.aborted ? 'the server stops' : why;
      change = ({ logs }) => ({ logs: withLine(logs, `Replay ended at ${this.#time()} without effect: ${reason}`) });
    }
    done.abort();
    await beating;
    const record = await this.#change((now) => ({ ...change(now), claim: null }));
    if (record !== null) this.#parts.events.tell({ record, progress: null });
  }

  async #replay(): Promise<JobChange> {
    const job = await this.#withUpload(await ownedJob(this.#parts, this.#record));
    const options = { clock: this.#parts.clock, anyModel: false, mended: new Map<string, Uint8Array>() };
    const reports = await replayJob(job, options, this.#leaving.signal);
    const sum = (figure: (report: ReplayReport) => number): number =>
      reports.reduce((total, report) => total + figure(report), 0);
    // A result is a file: it has a manifest.
    const manifests = reports.flatMap(({ manifest }) => manifest ?? []);
    await this.#keepStatistics(manifests);
    const bytes = manifests
      .flatMap(({ objects }) => objects)
      .reduce((total, object) => total + (object.role === 'rows' ? object.bytes : 0), 0);
    const [scored, failed, untried] = [sum((r) => r.scored), sum((r) => r.failed), sum((r) => r.untried)];
    const tallySum = (name: keyof Tally): number => manifests.reduce((total, { tally }) => total + tally[name], 0);
    const line =
      `Replay done at ${this.#time()}: ${scored} rows scored, ${failed} failed again` +
      (untried === 0 ? '' : `, ${untried} records could not be tried`);
    // From the manifest, not by addition: a replay that died after its publication is counted, too.
    return ({ logs }) => ({
      tally: {
        read: tallySum('read'),
        scored: tallySum('scored'),
        failed: tallySum('failed'),
        skipped: tallySum('skipped'),
      },
      outputBytes: bytes,
      logs: withLine(logs, line),
    });
  }

  /** An upload is read where it lies, by jobs that explain rows by its beginning. */
  async #withUpload(job: JobDescription): Promise<JobDescription> {
    const { intakeSettings: intake } = job;
    if (intake.type !== 'localFile') return job;
    const folder = new SpoolFolder(this.#parts.folders.intake(this.#record.id), { multipart: true });
    const files = (await folder.parts()).map((number) => folder.part(number));
    return { ...job, intakeSettings: { ...intake, files } };
  }

  /** Drift counts the rows that were scored now, too. A table may have letters of several jobs that were made alike. */
  async #keepStatistics(manifests: readonly Manifest[]): Promise<void> {
    const { store, monitoring, clock } = this.#parts;
    for (const manifest of manifests) {
      const { name } = manifest.job;
      const record = name === this.#record.id ? this.#record : typeof name === 'string' ? await store.get(name) : null;
      if (record?.status === 'COMPLETED')
        await monitoring.keepStatistics(record, manifest, record.endedAt ?? clock.wall());
    }
  }

  async #beat(done: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const either = AbortSignal.any([done, this.#leaving.signal]);
    const lease = new ClaimLease(clock);
    void lease.letGoInTime(() => this.#leaving.abort(), either);
    while (!either.aborted) {
      await clock.sleep(BEAT_MS, either).catch(() => undefined);
      if (either.aborted) return;
      try {
        const asked = clock.now();
        const record = await this.#change(({ claim }) => ({
          claim: { runner: this.#runner, beat: (claim?.beat ?? 0) + 1 },
        }));
        lease.renewed(asked);
        // Somebody has taken the claim for void: he may begin where this one is.
        if (record?.claim?.runner !== this.#runner) this.#leaving.abort();
      } catch (error) {
        this.#parts.log(`job ${this.#record.id}: the claim of its replay could not be renewed: ${messageOf(error)}`);
      }
    }
  }

  #change(change: JobChange): Promise<JobRecord | null> {
    return this.#parts.store.update(this.#record.id, (now) =>
      now.claim?.runner === this.#runner ? change(now) : null,
    );
  }

  #time(): string {
    return logTime(this.#parts.clock.wall());
  }
}

/** What stands in the way of a replay of a job, for its owner; null: nothing that its record tells. */
export function whyNoReplay({ status, claim, resultsDeleted, tally, outputType }: JobRecord): string | null {
  if (status !== 'COMPLETED')
    return `Only the dead letters of a job that is COMPLETED can be replayed; it is ${status}.`;
  if (claim !== null) return 'The dead letters of the job are being replayed already.';
  if (tally.failed === 0) return 'The job has no rows that failed.';
  if (resultsDeleted) return 'The result of the job was removed: there is nothing to complete.';
  return outputType === 'http'
    ? 'The rows went to another server, which cannot be asked to replace some of them.'
    : null;
}
