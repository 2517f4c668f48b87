import { findSluiceError, messageOf } from '../../core/error.ts';
import type { Manifest } from '../../core/ledger.ts';
import type { ModelIdentity } from '../../core/model.ts';
import { describeDeployment } from '../describe-deployment.ts';
import type { JobDescription } from '../description/parse-job.ts';
import type { JobRun, Progress } from '../job-run.ts';
import { ServiceRecorder } from '../monitoring/kept/service-recorder.ts';
import { startJob } from '../run-job.ts';
import { withoutPlaces } from './body/described-job.ts';
import type { PredictionBody } from './body/prediction-body.ts';
import { BEAT_MS, ClaimLease } from './claim-lease.ts';
import { finishedRun } from './finished-run.ts';
import { removeForeignLock } from './foreign-lock.ts';
import { aborted, beginning } from './job-changes.ts';
import { logTime, withLine } from './job-log.ts';
import { hasEnded, type JobRecord } from './job-record.ts';
import { JobRemains } from './job-remains.ts';
import type { JobParts } from './job-work.ts';
import { ownedJob } from './owned-job.ts';
import type { JobChange } from './store/job-store.ts';
import { SpoolFolder } from './upload/spool-folder.ts';
import { createSpoolSource } from './upload/spool-source.ts';

/** How long a model is asked for. */
const DESCRIBE_MS = 10_000;
/** An output that another process still holds is tried again after so long. */
const LOCKED_MS = 1_000;

const OVERTIME = 'it has worked for longer than it may (server.runtimeLimitHours)';

/** One job under a claim of this process, from its taking to its end, or to the claim's return. */
export class ClaimedJob {
  /** Never rejects. */
  readonly ended: Promise<void>;
  readonly #parts: JobParts;
  readonly #runner: string;
  readonly #id: string;
  readonly #folder: string;
  readonly #remains: JobRemains;
  /** The run is to drain, and to be continued by somebody. */
  readonly #stopping = new AbortController();
  /** Nothing of it may be done here any more. */
  readonly #leaving = new AbortController();
  #woken = new AbortController();
  readonly #begun: number;
  readonly #lease: ClaimLease;
  readonly #elapsedBefore: number;
  #run: JobRun | null = null;
  #service: ServiceRecorder | null = null;
  /** When something of the upload was written last, and when that was first seen here. */
  #lastWrite: { readonly written: number | null; readonly seen: number } | null = null;
  /** The job is ended: what its run has written is to go. */
  #isDiscarded = false;
  /** Its last run has taken its topics with it. */
  #hasLeftCluster = false;

  constructor(parts: JobParts, runner: string, record: JobRecord) {
    this.#parts = parts;
    this.#runner = runner;
    this.#id = record.id;
    this.#folder = parts.folders.of(record.id);
    this.#remains = new JobRemains(parts, this.#stopping.signal);
    this.#begun = parts.clock.now();
    this.#lease = new ClaimLease(parts.clock);
    this.#elapsedBefore = record.elapsedMs;
    this.ended = this.#work(record).catch((error: unknown) =>
      parts.log(`job ${record.id} was left as it is: ${messageOf(error)}`),
    );
  }

  progress(): Progress | null {
    return this.#run?.progress() ?? null;
  }

  /** The record has changed: it is looked at now. */
  wake(): void {
    this.#woken.abort();
  }

  stop(): void {
    this.#stopping.abort();
    this.#run?.stop();
  }

  abandon(): void {
    this.#leaving.abort();
    this.#run?.abort();
  }

  async #work(record: JobRecord): Promise<void> {
    if (hasEnded(record)) return await this.#clearAway();
    const started = await this.#change((now) => (hasEnded(now) ? null : beginning(now, this.#parts.clock.wall())));
    if (started === null || hasEnded(started)) return await this.#clearAway();
    const { id, deploymentId, attempts: attempt } = started;
    this.#service = new ServiceRecorder({ id, deploymentId, attempt });
    const beating = Promise.all([this.#beat(), this.#lease.letGoInTime(() => this.abandon(), this.#leaving.signal)]);
    try {
      await this.#complete(await this.#score(started));
    } catch (error) {
      await this.#failed(error);
    } finally {
      this.#leaving.abort();
      this.#woken.abort();
      await beating;
    }
  }

  async #score(record: JobRecord): Promise<Manifest> {
    const { clock } = this.#parts;
    const body = record.body as PredictionBody;
    const described = await ownedJob(this.#parts, record);
    const job = this.#parts.cluster?.over(described, record.id) ?? described;
    const model = await this.#model(record, job);
    this.#leaving.signal.throwIfAborted();
    for (let isFirst = record.attempts <= 1; ; isFirst = true) {
      try {
        return await this.#runOnce(job, body, model, isFirst);
      } catch (error) {
        const code = findSluiceError(error)?.code;
        // An output that is published is not undone by a cluster that is away when the topics are to be removed.
        const mayBePublished = code === 'OUTPUT_EXISTS' ? !isFirst : code?.startsWith('KAFKA_') === true;
        if (!mayBePublished) throw error;
        const manifest = await finishedRun(job, this.#id, clock, this.#leaving.signal);
        if (manifest !== null) return manifest;
        if (code !== 'OUTPUT_EXISTS') throw error;
        // Killed before it had written anything: what stands there is an older output, which it was to take the place of.
      }
    }
  }

  async #runOnce(
    job: JobDescription,
    body: PredictionBody,
    model: ModelIdentity | null,
    isFirst: boolean,
  ): Promise<Manifest> {
    const { clock, settings, folders } = this.#parts;
    const { limits } = settings;
    const folder = await folders.ensure(this.#id);
    const isUpload = isLocal(body.intakeSettings?.type);
    const isDownload = isLocal(body.outputSettings?.type);
    await removeForeignLock(folder);
    const run = startJob(job, {
      clock,
      name: this.#id,
      model,
      onRequest: (request) => this.#service?.record(request, clock.wall()),
      // A result that is here can only be the job's own. Elsewhere one that is there is replaced, and added to in a table.
      overwrite: isFirst && !isDownload && job.outputSettings.type !== 'jdbc',
      discardsFailed: !isDownload,
      intakeLimits: { columns: limits.columns, bytes: limits.intakeBytes },
      ...(isUpload ? { source: await this.#upload(body, job) } : {}),
    });
    this.#run = run;
    if (this.#stopping.signal.aborted) run.stop();
    if (this.#leaving.signal.aborted) run.abort();
    if (this.#isDiscarded) run.discard();
    const { manifest } = await run.result;
    this.#hasLeftCluster = true;
    return manifest;
  }

  async #upload(body: PredictionBody, job: JobDescription): Promise<ReturnType<typeof createSpoolSource>> {
    const intake = body.intakeSettings;
    const multipart = intake !== undefined && 'multipart' in intake && intake.multipart === true;
    const folder = new SpoolFolder(this.#parts.folders.intake(this.#id), { multipart });
    return createSpoolSource({
      folder,
      jobId: this.#id,
      csv: job.csvSettings,
      growth: this.#parts.growths.of(this.#id),
      clock: this.#parts.clock,
      bytes: (await folder.end())?.bytes ?? null,
      stop: this.#stopping.signal,
    });
  }

  /** That of the record; one that could not be asked for when the job was made is asked for now, and kept. */
  async #model(record: JobRecord, job: JobDescription): Promise<ModelIdentity | null> {
    if (record.model !== null || job.pinnedModelId !== null) return record.model;
    const { clock } = this.#parts;
    const signal = AbortSignal.any([this.#leaving.signal, AbortSignal.timeout(DESCRIBE_MS)]);
    const found = await describeDeployment(job, clock, signal).catch(() => null);
    const model = found?.model ?? null;
    if (model !== null)
      await this.#change(({ logs }) => ({
        model,
        logs: withLine(logs, `Model ${model.id} found at ${logTime(clock.wall())}, as the job began`),
      }));
    return model;
  }

  /** Writes progress, renews the claim, and looks whether the job is to end. */
  async #beat(): Promise<void> {
    const { clock, settings, events } = this.#parts;
    while (!this.#leaving.signal.aborted) {
      this.#woken = new AbortController();
      const either = AbortSignal.any([this.#leaving.signal, this.#woken.signal]);
      await clock.sleep(BEAT_MS, either).catch(() => undefined);
      if (this.#leaving.signal.aborted) return;
      try {
        const elapsedMs = this.#elapsed();
        const asked = clock.now();
        const record = await this.#change((now) => (hasEnded(now) ? null : this.#progressOf(now)));
        this.#lease.renewed(asked);
        if (record !== null) await this.#keepService(record);
        if (record?.claim?.runner !== this.#runner) return this.abandon();
        if (record.status === 'ABORTED') return this.#discard();
        events.tell({ record, progress: this.progress() });
        const reason = elapsedMs > 3_600_000 * settings.runtimeLimitHours ? OVERTIME : await this.#lostUpload(record);
        if (reason !== null) return await this.#end(reason);
      } catch (error) {
        this.#parts.log(`job ${this.#id}: its claim could not be renewed: ${messageOf(error)}`);
      }
    }
  }

  /** Why a job ends whose upload broke off and was not continued: it would keep its prediction server from others for nothing. */
  async #lostUpload({ upload }: JobRecord): Promise<string | null> {
    if (upload !== 'open') return null;
    const { clock, settings, folders } = this.#parts;
    const written = await new SpoolFolder(folders.intake(this.#id), { multipart: true }).lastWritten();
    // By this process's own clock: while no server was there nobody could go on.
    if (written !== this.#lastWrite?.written) this.#lastWrite = { written, seen: clock.now() };
    const isLost = clock.now() - this.#lastWrite.seen > 1000 * settings.uploadResumeSeconds;
    return isLost ? 'its upload broke off and was not continued (server.uploadResumeSeconds)' : null;
  }

  /** Ends the job by a limit of the server. */
  async #end(reason: string): Promise<void> {
    const wall = this.#parts.clock.wall();
    const record = await this.#change((now) =>
      hasEnded(now) ? null : aborted(now, { reason, code: 'JOB_LIMIT', wall }),
    );
    if (record !== null) this.#parts.events.tell({ record, progress: null });
    this.#discard();
  }

  #discard(): void {
    this.#isDiscarded = true;
    this.#run?.discard();
  }

  async #complete(manifest: Manifest): Promise<void> {
    const { clock } = this.#parts;
    const wall = clock.wall();
    const spooled = await new SpoolFolder(this.#parts.folders.intake(this.#id), { multipart: true }).end();
    const bytes = manifest.objects.filter(({ role }) => role === 'rows').reduce((sum, object) => sum + object.bytes, 0);
    // Before the record says that the job is completed: they count from then on, whoever was killed in between.
    const { store, monitoring } = this.#parts;
    const before = await store.get(this.#id);
    if (before !== null) {
      await monitoring.keepStatistics(before, manifest, wall);
      await this.#keepService(before);
    }
    const record = await this.#change((now) =>
      hasEnded(now)
        ? { claim: null }
        : {
            status: 'COMPLETED',
            claim: null,
            endedAt: wall,
            elapsedMs: this.#elapsed(),
            tally: manifest.tally,
            model: now.model ?? manifest.model,
            intakeBytes: spooled?.bytes ?? manifest.intakeBytes,
            intakeTotal: spooled?.bytes ?? manifest.intakeBytes,
            outputBytes: bytes,
            logs: withLine(now.logs, `Job done processing at ${logTime(wall)}`),
          },
    );
    if (record?.status === 'ABORTED') await this.#parts.folders.remove(this.#id);
    this.#told(record);
    if (record !== null && !this.#hasLeftCluster) await this.#remains.onCluster(record);
  }

  async #failed(error: unknown): Promise<void> {
    const { clock } = this.#parts;
    const wall = clock.wall();
    const code = findSluiceError(error)?.code;
    // Not the signal of a wait that may fail: a stop in between changes nothing of what follows.
    if (code === 'OUTPUT_LOCKED') await clock.sleep(LOCKED_MS, new AbortController().signal);
    const goesOn = code === 'OUTPUT_LOCKED' || this.#stopping.signal.aborted || this.#leaving.signal.aborted;
    const record = await this.#change((now) => {
      if (hasEnded(now)) return { claim: null, elapsedMs: this.#elapsed() };
      if (!goesOn) {
        const reason = withoutPlaces(messageOf(error), this.#folder, this.#parts.context.configuration);
        return { ...this.#progressOf(now), ...aborted(now, { reason, code, wall }), claim: null };
      }
      const line = `Job interrupted at ${logTime(wall)}, to be continued`;
      return { claim: null, elapsedMs: this.#elapsed(), logs: withLine(now.logs, line) };
    });
    if (record !== null) await this.#keepService(record);
    if (record !== null && hasEnded(record)) await this.#remains.inFolder(record);
    this.#told(record);
    if (record === null || !hasEnded(record)) return;
    // What an earlier run has written: this one may have failed before it had a look at it.
    await this.#remains.inStore(record);
    await this.#remains.onCluster(record);
  }

  /** Figures are worth less than the job: when the store takes none, they come with the next ones. */
  async #keepService({ model }: JobRecord): Promise<void> {
    await this.#service?.keep(this.#parts.monitoring, model?.id ?? null).catch((error: unknown) => {
      this.#parts.log(`job ${this.#id}: its requests could not be counted: ${messageOf(error)}`);
    });
  }

  /** A job that was ended while nobody worked on it: nothing of it remains. */
  async #clearAway(): Promise<void> {
    // Under the claim: if this process leaves or dies, too, another one begins again.
    const before = await this.#parts.store.get(this.#id);
    if (before?.claim?.runner === this.#runner) await this.#remains.inStore(before);
    if (this.#stopping.signal.aborted) return;
    const record = await this.#change(() => ({ claim: null }));
    if (record !== null) await this.#remains.inFolder(record);
    this.#told(record);
    if (record !== null) await this.#remains.onCluster(record);
  }

  #told(record: JobRecord | null): void {
    const { growths } = this.#parts;
    growths.of(this.#id).tell();
    if (record === null) return;
    // Who still reads looks by himself from time to time.
    if (hasEnded(record)) growths.forget(this.#id);
    this.#parts.events.tell({ record, progress: this.progress() });
  }

  #elapsed(): number {
    return Math.round(this.#elapsedBefore + this.#parts.clock.now() - this.#begun);
  }

  #progressOf(now: JobRecord): ReturnType<JobChange> {
    const progress = this.progress();
    const claim = { runner: this.#runner, beat: (now.claim?.beat ?? 0) + 1 };
    if (progress === null || progress.state === 'starting') return { claim, elapsedMs: this.#elapsed() };
    const { tally, bytesRead, bytesTotal } = progress;
    return {
      claim,
      elapsedMs: this.#elapsed(),
      tally,
      intakeBytes: bytesRead,
      intakeTotal: now.intakeTotal ?? bytesTotal,
    };
  }

  /** Changes the record as long as the claim is this process's. */
  #change(change: JobChange): Promise<JobRecord | null> {
    return this.#parts.store.update(this.#id, (now) => (now.claim?.runner === this.#runner ? change(now) : null));
  }
}

function isLocal(type: string | undefined): boolean {
  return type === undefined || type === 'localFile';
}
