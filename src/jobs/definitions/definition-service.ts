import type { Clock } from '../../core/clock.ts';
import { messageOf, SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import type { PredictionBody } from '../queue/body/prediction-body.ts';
import { assertMayRun, type Caller } from '../queue/caller.ts';
import { isJobId } from '../queue/job-folder.ts';
import { hasEnded, type JobRecord } from '../queue/job-record.ts';
import type { JobService } from '../queue/job-service.ts';
import { newJobId } from '../queue/job-work.ts';
import { definitionParts, type OwnFields } from './definition-body.ts';
import type { DefinitionRecord } from './definition-record.ts';
import { DefinitionRuns, UNMADE_MS } from './definition-runs.ts';
import { type DefinitionFilter, DefinitionStore } from './definition-store.ts';
import { namedStores } from './named-stores.ts';
import { nextTime } from './next-time.ts';
import { portableJob } from './portable-job.ts';
import { PortableVariables } from './portable-variables.ts';

export interface DefinitionServiceOptions {
  readonly jobs: JobService;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/** How often it is looked for definitions whose time has come. */
const LOOK_MS = 1_000;

/**
 * Job definitions: made, changed and run, by hand or by schedule. Every method that is given a caller throws JOB_UNKNOWN (404) for definitions that
 * are not his, and TOKEN_REFUSED (403) where he may only look.
 */
export class DefinitionService implements AsyncDisposable {
  readonly #store: DefinitionStore;
  readonly #jobs: JobService;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  readonly #runs: DefinitionRuns;
  readonly #stopping = new AbortController();
  readonly #unwatch: () => void;
  /** What is under way and waited for at the end. */
  readonly #working = new Set<Promise<void>>();
  #loop: Promise<void> | null = null;

  private constructor(store: DefinitionStore, { jobs, clock, log }: DefinitionServiceOptions) {
    this.#store = store;
    this.#jobs = jobs;
    this.#clock = clock;
    this.#log = log;
    this.#runs = new DefinitionRuns({ store, jobs, clock, log, settings: jobs.settings.schedule });
    this.#unwatch = jobs.watch(({ record }) => {
      const { definition } = record;
      if (definition !== null && hasEnded(record)) this.#work(() => this.#runs.settled(definition.id));
    });
  }

  /** Opens the tables, and runs by schedule from then on. Closed before the jobs are. */
  static async open(options: DefinitionServiceOptions): Promise<DefinitionService> {
    const service = new DefinitionService(await DefinitionStore.open(options.jobs.store), options);
    service.#loop = service.#look();
    return service;
  }

  /** Makes a definition of a body. Throws CONFIG_INVALID (422), also for a name that another one has. */
  async create(body: object, caller: Caller): Promise<DefinitionRecord> {
    assertMayRun(caller);
    const { own, job } = definitionParts(body);
    const now = this.#clock.wall();
    const id = newJobId(this.#clock);
    const { deploymentId } = await this.#jobs.check(job, caller, this.#sampleTimes(own.schedule ?? null));
    const wanted = { enabled: own.enabled ?? false, schedule: own.schedule ?? null };
    this.#assertRunnable(wanted, job);
    const record: DefinitionRecord = {
      id,
      revision: 1,
      name: own.name ?? `${deploymentId.slice(0, 60)} ${id}`,
      ...wanted,
      createdBy: caller.user,
      updatedBy: caller.user,
      created: now,
      updated: now,
      deploymentId,
      body: job as Json,
      nextRun: this.#nextRun(wanted),
      run: null,
      lastStarted: null,
      lastFailed: null,
      lastSuccessful: null,
      lastScheduled: null,
      failures: 0,
    };
    await this.#store.insert(record);
    return record;
  }

  async get(id: string, caller: Caller): Promise<DefinitionRecord> {
    await this.#own(id, caller);
    return (await this.#shown(id)) ?? unknownDefinition();
  }

  /** @param filter its `owner` is looked at for admins only; others see their own. */
  async list(
    filter: DefinitionFilter,
    caller: Caller,
  ): Promise<{ readonly total: number; readonly records: readonly DefinitionRecord[] }> {
    const owner = caller.role === 'admin' ? filter.owner : caller.user.userId;
    const { total, records } = await this.#store.list({ ...filter, owner });
    const shown: DefinitionRecord[] = [];
    for (const record of records) shown.push(record.run === null ? record : ((await this.#shown(record.id)) ?? record));
    return { total, records: shown };
  }

  /** Changes some fields, each as a whole. A run under way goes on as it is. */
  async patch(id: string, body: object, caller: Caller): Promise<DefinitionRecord> {
    assertMayRun(caller);
    const { own, job: given } = definitionParts(body);
    for (;;) {
      const before = await this.#own(id, caller);
      const job = { ...(before.body as object), ...given };
      const wanted = {
        enabled: own.enabled ?? before.enabled,
        schedule: own.schedule === undefined ? before.schedule : own.schedule,
      };
      // Its jobs are those of who made it.
      const owner: Caller = { user: before.createdBy, role: 'run' };
      const { deploymentId } = await this.#jobs.check(job, owner, this.#sampleTimes(wanted.schedule));
      this.#assertRunnable(wanted, job);
      const isRescheduled = own.schedule !== undefined || wanted.enabled !== before.enabled;
      const record = await this.#store.change(before, {
        name: own.name ?? before.name,
        ...wanted,
        body: job,
        deploymentId,
        updated: this.#clock.wall(),
        updatedBy: caller.user,
        ...(isRescheduled ? { nextRun: this.#nextRun(wanted) } : {}),
        // Who switches it on again has seen to what made it fail.
        ...(wanted.enabled && !before.enabled ? { failures: 0 } : {}),
      });
      if (record !== null) return record;
    }
  }

  /** Its job as a file for `sluice run`, without secrets. Throws DEPLOYMENT_UNKNOWN. @param base address of this server's API. */
  async portable(id: string, caller: Caller, base: string): Promise<string> {
    const { name, body, createdBy } = await this.#own(id, caller);
    const { configuration } = this.#jobs;
    const asked = body as PredictionBody;
    const stores = await namedStores(asked, createdBy.userId, this.#jobs);
    const deployment = configuration.deployment(asked.deploymentId, 'deploymentId');
    return portableJob({ name, body: asked, deployment, stores, base }, new PortableVariables());
  }

  /** Its jobs stay, those under way go on, and its name is free. */
  async remove(id: string, caller: Caller): Promise<void> {
    assertMayRun(caller);
    await this.#own(id, caller);
    await this.#store.remove(id);
  }

  /** Runs it now. Throws what making a job throws; while a run of it is under way the new one is made and aborted. */
  async run(id: string, caller: Caller, address: string): Promise<JobRecord> {
    assertMayRun(caller);
    await this.#own(id, caller);
    return (await this.#runs.runNow(id, address)) ?? unknownDefinition();
  }

  /** Runs what is due now. Ends when all of it was begun. */
  async lookNow(): Promise<void> {
    const now = this.#clock.wall();
    const due = await this.#store.due(now, now - UNMADE_MS);
    await Promise.all(
      due.map(async ({ id, name }) => {
        try {
          await this.#runs.finishBegun(id);
          await this.#runs.runDue(id);
        } catch (error) {
          this.#log(`the definition "${name}" could not be run: ${messageOf(error)}`);
        }
      }),
    );
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#unwatch();
    await this.#loop;
    await Promise.all(this.#working);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #look(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      // Making a job may take seconds where a prediction server does not answer: others are not to wait for it.
      this.#work(() => this.lookNow());
      await this.#clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  }

  #work(task: () => Promise<unknown>): void {
    const work = task().then(
      () => undefined,
      (error: unknown) => {
        if (!this.#stopping.signal.aborted) this.#log(`definitions could not be looked at: ${messageOf(error)}`);
      },
    );
    this.#working.add(work);
    void work.finally(() => this.#working.delete(work));
  }

  /** With the status that its run has now. */
  async #shown(id: string): Promise<DefinitionRecord | null> {
    const found = await this.#runs.settled(id);
    if (found === null) return null;
    const { record, job } = found;
    const { lastStarted } = record;
    return lastStarted === null || job?.id !== lastStarted.jobId
      ? record
      : { ...record, lastStarted: { ...lastStarted, status: job.status } };
  }

  async #own(id: string, { role, user }: Caller): Promise<DefinitionRecord> {
    const record = isJobId(id) ? await this.#store.get(id) : null;
    if (record !== null && (role === 'admin' || record.createdBy.userId === user.userId)) return record;
    return unknownDefinition();
  }

  #nextRun({ enabled, schedule }: Required<Pick<OwnFields, 'enabled' | 'schedule'>>): number | null {
    return enabled === true && schedule !== null && schedule !== undefined
      ? nextTime(schedule, this.#clock.wall())
      : null;
  }

  #assertRunnable({ enabled, schedule }: Pick<DefinitionRecord, 'enabled' | 'schedule'>, job: object): void {
    const { intakeSettings } = job as { readonly intakeSettings?: { readonly type?: string } };
    if (schedule !== null && nextTime(schedule, this.#clock.wall()) === null)
      throw refused('schedule: no date is ever so; check month and dayOfMonth');
    if (!enabled) return;
    if (schedule === null) throw refused('enabled: needs a schedule beside it');
    if ((intakeSettings?.type ?? 'localFile') === 'localFile')
      throw refused(
        'enabled: nobody uploads rows for a scheduled run; choose another intakeSettings.type than localFile',
      );
  }

  /** Any will do to see whether the variables of a body are there. */
  #sampleTimes(schedule: OwnFields['schedule']): Parameters<JobService['check']>[2] {
    const current = this.#clock.wall();
    const nextScheduled = schedule === null || schedule === undefined ? null : current;
    return { current, definition: { lastCompleted: null, lastScheduled: null, nextScheduled } };
  }
}

function refused(message: string): SluiceError {
  return new SluiceError('CONFIG_INVALID', `body: ${message}.`);
}

function unknownDefinition(): never {
  throw new SluiceError('JOB_UNKNOWN', 'There is no such job definition.', { status: 404 });
}
