import { type Clock, systemClock } from '../../core/clock.ts';
import type { ConnectionGuard } from '../../core/connection-guard.ts';
import { SluiceError } from '../../core/error.ts';
import type { Drift } from '../../monitoring/drift.ts';
import type { Configuration } from '../configuration.ts';
import type { LetterList } from '../dead-letters/list-letters.ts';
import type { Progress } from '../job-run.ts';
import { BatchStore } from '../monitoring/kept/batch-store.ts';
import { MonitoringBatches } from '../monitoring/kept/monitoring-batches.ts';
import { MonitoringStore } from '../monitoring/kept/monitoring-store.ts';
import type { RunTimes } from '../run-time.ts';
import { stateFolder } from '../state-folder.ts';
import type { FilledBody } from './body/prediction-body.ts';
import { assertMayRun, type Caller, jobUnknown, ownJob, wrongState } from './caller.ts';
import { aborted, abortedError } from './job-changes.ts';
import { JobCluster } from './job-cluster.ts';
import { JobEvents, type JobListener } from './job-events.ts';
import { driftOfJob, lettersOf } from './job-findings.ts';
import { isJobId, JobFolders } from './job-folder.ts';
import { logTime, withLine } from './job-log.ts';
import { JobMaker, type JobOrigin, type JobRefusal } from './job-maker.ts';
import { hasEnded, type JobRecord } from './job-record.ts';
import { JobRunner } from './job-runner.ts';
import { queuePosition } from './job-turns.ts';
import { JobUploads, type UploadRequest } from './job-uploads.ts';
import { Growths, type JobParts } from './job-work.ts';
import { whyNoReplay } from './replayed-job.ts';
import { type ResultExtent, type ResultReading, resultBytes, resultExtent } from './result-bytes.ts';
import { Retention } from './retention.ts';
import type { ServerSettings } from './server-settings.ts';
import type { JobFilter } from './store/job-filter.ts';
import { type JobPage, JobStore } from './store/job-store.ts';
import type { Seal } from './store/seal.ts';
import { storeAddress } from './store/store-address.ts';
import { openSecrets, type StoredSecrets } from './stored-secrets.ts';
import { UploadSlots } from './upload/upload-slots.ts';

export interface JobServiceOptions {
  readonly configuration: Configuration;
  /** Takes the place of `server` in the configuration. */
  readonly settings?: ServerSettings;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly clock?: Clock;
  /** Keeps bodies unreadable at rest; null (by default) where there is no key: as they are, and no credentials at all. */
  readonly seal?: Seal | null;
  /** Asked before connections to addresses that callers give; they may be anywhere by default. */
  readonly guard?: ConnectionGuard;
  readonly log?: (line: string) => void;
}

/** What a worker elsewhere may report of a job, or its owner change. */
export interface JobPatch {
  readonly hidden?: boolean | undefined;
  readonly aborted?: boolean | undefined;
  readonly priority?: number | undefined;
  readonly logs?: readonly string[] | undefined;
}

/** A result that is there, or comes. */
export interface JobResultReader {
  readonly record: JobRecord;
  extent(): Promise<ResultExtent>;
  bytes(range: { readonly from: number; readonly to: number }, signal: AbortSignal): AsyncIterable<Buffer>;
  /** Until more may be there. */
  wait(signal: AbortSignal): Promise<void>;
}

/**
 * The jobs of a server: all that its routes, its definitions and its page call. Every method that is given a caller throws JOB_UNKNOWN (404) for
 * jobs that are not his, and TOKEN_REFUSED (403) where he may only look; every error that a caller can cause has the `status` of its reply.
 */
export class JobService implements AsyncDisposable {
  readonly settings: ServerSettings;
  readonly #parts: JobParts;
  readonly #runner: JobRunner;
  readonly #maker: JobMaker;
  readonly #uploads: JobUploads;
  readonly #retention: Retention;

  private constructor(parts: JobParts, isAlone: boolean) {
    this.settings = parts.settings;
    this.#parts = parts;
    this.#runner = new JobRunner(parts, isAlone);
    this.#maker = new JobMaker(parts, () => this.#runner.wake());
    this.#uploads = new JobUploads(parts, () => this.#runner.wake());
    this.#retention = new Retention(parts, () => this.#runner.wake());
  }

  /** Opens the store and goes on with what is there: jobs under way are continued, waiting ones wait on. */
  static async open(options: JobServiceOptions): Promise<JobService> {
    const { configuration, clock = systemClock, env = process.env, seal = null } = options;
    const settings = options.settings ?? configuration.server;
    const state = stateFolder(env, configuration);
    const address = storeAddress(settings.store, state);
    const folders = new JobFolders(state);
    await folders.make();
    const store = await JobStore.open(address, seal);
    const parts: JobParts = {
      store,
      seal,
      secrets: await openSecrets(store.session, seal, clock),
      monitoring: await MonitoringStore.open(store.session),
      batches: new MonitoringBatches(
        await BatchStore.open(store.session),
        settings.limits.monitoringBatchesPerDay,
        clock,
      ),
      folders,
      cluster: configuration.kafka === null ? null : await JobCluster.open(configuration.kafka, clock),
      context: { configuration, env, guard: options.guard, limits: settings.limits },
      settings,
      growths: new Growths(clock),
      slots: new UploadSlots(settings.limits),
      events: new JobEvents(clock),
      clock,
      log: options.log ?? ((): void => undefined),
    };
    const service = new JobService(parts, address.isOwn);
    service.#runner.start();
    service.#retention.start();
    return service;
  }

  /** Of the server, for what has tables of its own. */
  get store(): JobStore {
    return this.#parts.store;
  }

  /** Credentials and data stores that users have given it to keep. */
  get secrets(): StoredSecrets {
    return this.#parts.secrets;
  }

  /** Throws TARGET_REFUSED for hosts that callers may not name. */
  assertHosts(hosts: readonly { readonly host: string; readonly port: number | null }[]): void {
    for (const { host, port } of hosts) this.#parts.context.guard?.(host, port ?? 0);
  }

  /** The uploads that are under way here. */
  get uploadSlots(): UploadSlots {
    return this.#parts.slots;
  }

  /** What is kept of the rows and requests of its jobs. */
  get monitoring(): MonitoringStore {
    return this.#parts.monitoring;
  }

  /** What its jobs are looked at together by. */
  get batches(): MonitoringBatches {
    return this.#parts.batches;
  }

  get configuration(): Configuration {
    return this.#parts.context.configuration;
  }

  /**
   * Whether a job could be made of a body; gives it with its defaults. Throws CONFIG_INVALID and DEPLOYMENT_UNKNOWN (422).
   * @param times that its template variables may stand for.
   */
  check(body: unknown, caller: Caller, times: RunTimes): Promise<FilledBody> {
    return this.#maker.check(body, caller, times);
  }

  /** Makes a job of a body. Throws CONFIG_INVALID and DEPLOYMENT_UNKNOWN (422), JOB_LIMIT (429; 422 where it would need a batch of monitoring too many). */
  create(body: unknown, caller: Caller, origin: JobOrigin): Promise<JobRecord> {
    return this.#maker.make(body, caller, origin);
  }

  /** Makes a job that is aborted at once, so that it is seen and why. Throws CONFIG_INVALID for what is no body at all. */
  refuse(body: unknown, caller: Caller, origin: JobOrigin, refusal: JobRefusal): Promise<JobRecord> {
    return this.#maker.refuse(body, caller, origin, refusal);
  }

  /** Makes a job of the body of an earlier one. */
  async fromExisting(id: string, caller: Caller, origin: JobOrigin): Promise<JobRecord> {
    const { body } = await this.get(id, caller);
    return await this.create(body, caller, origin);
  }

  async get(id: string, caller: Caller): Promise<JobRecord> {
    return ownJob(isJobId(id) ? await this.#parts.store.get(id) : null, caller);
  }

  /** @param filter its `owner` is looked at for admins only; others see their own. */
  async list(filter: JobFilter, caller: Caller): Promise<JobPage> {
    const owner = caller.role === 'admin' ? filter.owner : caller.user.userId;
    return await this.#parts.store.list({ ...filter, owner });
  }

  /** For each of these jobs that waits how many of the same prediction server go before it. */
  async queuePositions(records: readonly JobRecord[]): Promise<ReadonlyMap<string, number>> {
    const waiting = records.filter(({ status, queuedAt }) => status === 'INITIALIZING' && queuedAt !== null);
    if (waiting.length === 0) return new Map();
    const queue = await this.#parts.store.inQueue();
    return new Map(
      waiting.flatMap((record) => {
        const now = queue.find(({ id }) => id === record.id);
        const position = now === undefined ? null : queuePosition(now, queue);
        return position === null ? [] : [[record.id, position] as const];
      }),
    );
  }

  /** Of a job that runs in this process. */
  progress(id: string): Progress | null {
    return this.#runner.progress(id);
  }

  async patch(id: string, patch: JobPatch, caller: Caller): Promise<JobRecord> {
    assertMayRun(caller);
    await this.get(id, caller);
    if (patch.aborted === true) await this.abort(id, caller);
    const wall = this.#parts.clock.wall();
    const { hidden, priority, logs = [] } = patch;
    const record = await this.#parts.store.update(id, (now) => ({
      ...(hidden === undefined ? {} : { hidden: hidden ? (now.hidden ?? wall) : null }),
      ...(priority === undefined ? {} : { priority }),
      ...(logs.length === 0 ? {} : { logs: logs.reduce(withLine, now.logs) }),
    }));
    return this.#changed(record);
  }

  /** Ends a job, running or waiting, and removes what it has. Throws JOB_STATE (409) when it has ended. */
  async abort(id: string, caller: Caller, reason?: string): Promise<JobRecord> {
    assertMayRun(caller);
    await this.get(id, caller);
    const wall = this.#parts.clock.wall();
    const why = reason ?? `by ${caller.user.username}`;
    const claim = { runner: this.#runner.id, beat: 0 };
    const before: { status?: JobRecord['status']; isMine?: boolean } = {};
    const record = await this.#parts.store.update(id, (now) => {
      // Whoever works on it, here or elsewhere, removes what it has when he has let go of it; where it was begun and nobody does, this server.
      const isMine = !hasEnded(now) && now.claim === null && now.attempts > 0;
      Object.assign(before, { status: now.status, isMine });
      if (hasEnded(now)) return null;
      return { ...aborted(now, { reason: why, code: null, wall }), ...(isMine ? { claim } : {}) };
    });
    const { status, isMine } = before;
    if (status === 'COMPLETED' || status === 'ABORTED')
      throw wrongState(`The job cannot be aborted: it is ${status} already.`);
    if (record !== null && isMine === true) this.#runner.clearAway(record);
    else if (record?.claim === null) await this.#parts.folders.remove(id);
    this.#runner.wake(id);
    return this.#changed(record);
  }

  /** Takes an upload as fast as it comes. Rejects with the error of the body when that breaks off: it may be sent again then. */
  async upload(id: string, caller: Caller, request: UploadRequest): Promise<void> {
    assertMayRun(caller);
    await this.#uploads.whole(await this.get(id, caller), request);
  }

  async uploadPart(id: string, number: number, caller: Caller, request: UploadRequest): Promise<void> {
    assertMayRun(caller);
    await this.#uploads.part(await this.get(id, caller), number, request);
  }

  async finalizeUpload(id: string, caller: Caller): Promise<void> {
    assertMayRun(caller);
    await this.#uploads.finalize(await this.get(id, caller));
  }

  /** The client has the reply to his upload. */
  uploadAnswered(id: string): void {
    this.#uploads.answered(id);
  }

  /** The result of a job that was begun. Throws JOB_UNKNOWN (404) for one that has none, or none any more, JOB_STATE (422) for an aborted one. */
  async openResult(id: string, caller: Caller): Promise<JobResultReader> {
    const record = await this.get(id, caller);
    if (record.outputType !== 'localFile') throw noResult(`The job writes its rows elsewhere (${record.outputType}).`);
    if (record.resultsDeleted)
      throw noResult('The result of the job was removed, as it is older than results are kept.');
    if (record.status === 'ABORTED') throw abortedError(record);
    if (record.status === 'INITIALIZING') throw noResult('The job has not begun yet: there is nothing to download.');
    if (record.status === 'COMPLETED' && record.claim !== null)
      throw wrongState('The dead letters of the job are being scored again, which changes its result: try again soon.');
    const growth = this.#parts.growths.of(id);
    const folder = this.#parts.folders.of(id);
    const reading: ResultReading = { folder, growth, look: () => this.#parts.store.get(id) };
    return {
      record,
      extent: () => resultExtent(reading),
      bytes: (range, signal) => resultBytes(reading, range, signal),
      wait: (signal) => growth.wait(signal),
    };
  }

  /** Its rows that were not scored, by their cause. */
  async letters(id: string, caller: Caller, signal: AbortSignal): Promise<LetterList> {
    return await lettersOf(this.#parts, await this.get(id, caller), signal);
  }

  /** How far its rows are from the baseline of its deployment; null: nothing is known of that. */
  async drift(id: string, caller: Caller, signal: AbortSignal): Promise<Drift | null> {
    const record = await this.get(id, caller);
    return await driftOfJob(this.#parts, record, this.progress(id)?.statistics ?? null, signal);
  }

  /** Begins to score the dead letters of a finished job again. Throws JOB_STATE (409) for one that has not ended well, has none, or is replayed now. */
  async replay(id: string, caller: Caller): Promise<JobRecord> {
    assertMayRun(caller);
    await this.get(id, caller);
    const line = `Replay of dead letters started by ${caller.user.username} at ${logTime(this.#parts.clock.wall())}`;
    const claim = { runner: this.#runner.id, beat: 0 };
    const refused: { because?: string } = {};
    const record = await this.#parts.store.update(id, (now) => {
      delete refused.because;
      const because = whyNoReplay(now);
      if (because !== null) refused.because = because;
      return because === null ? { claim, logs: withLine(now.logs, line) } : null;
    });
    if (refused.because !== undefined) throw wrongState(refused.because);
    if (record !== null) this.#runner.replay(record);
    return this.#changed(record);
  }

  /** Told of changes of jobs, at most four times a second for each. Gives what ends it. */
  watch(listener: JobListener): () => void {
    return this.#parts.events.watch(listener);
  }

  /** Drains the jobs that run here and gives them back, then closes the store. */
  async close(): Promise<void> {
    await this.#retention.stop();
    await this.#runner.stop();
    await this.#parts.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #changed(record: JobRecord | null): JobRecord {
    if (record === null) throw jobUnknown();
    this.#parts.growths.of(record.id).tell();
    this.#parts.events.tell({ record, progress: this.progress(record.id) });
    return record;
  }
}

function noResult(why: string): SluiceError {
  return new SluiceError('JOB_UNKNOWN', why, { status: 404 });
}
