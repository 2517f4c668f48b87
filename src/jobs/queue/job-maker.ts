import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { ErrorCode } from '../../core/error-table.ts';
import type { Json } from '../../core/json.ts';
import type { ModelIdentity } from '../../core/model.ts';
import type { Configuration } from '../configuration.ts';
import { describeDeployment } from '../describe-deployment.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { type RunTimes, withRunTimes } from '../run-time.ts';
import { assertNoSecrets } from './body/body-secrets.ts';
import { checkBody } from './body/described-job.ts';
import { assertTargets } from './body/job-targets.ts';
import type { FilledBody } from './body/prediction-body.ts';
import { assertMayRun, type Caller } from './caller.ts';
import { aborted } from './job-changes.ts';
import { withLine } from './job-log.ts';
import type { JobRecord } from './job-record.ts';
import { type JobParts, newJobId } from './job-work.ts';
import { newRecord } from './new-record.ts';
import { ownedJob } from './owned-job.ts';

/** What a job was made by, beside its body. */
export interface JobOrigin {
  /** `Ad hoc API`, `Manual Run`, `Scheduled Run` … */
  readonly source: string;
  /** Address of the caller, for the log of the job. */
  readonly address: string;
  readonly definition?: JobRecord['definition'];
  /** Chosen before, so that what was interrupted in between is not made twice. */
  readonly id?: string;
  /** What the template variables of a definition stand for. */
  readonly times?: RunTimes;
}

/** Why a job is ended as it is made. */
export interface JobRefusal {
  readonly reason: string;
  /** Null: it is no fault. */
  readonly code: ErrorCode | null;
}

const DESCRIBE_MS = 5_000;

/** Makes jobs of bodies. */
export class JobMaker {
  readonly #parts: JobParts;
  readonly #queued: () => void;

  /** @param queued told of every job that waits for its turn from now on. */
  constructor(parts: JobParts, queued: () => void) {
    this.#parts = parts;
    this.#queued = queued;
  }

  /**
   * Whether a job could be made of a body; gives it with its defaults. Throws CONFIG_INVALID and DEPLOYMENT_UNKNOWN (422).
   * @param times that its template variables may stand for.
   */
  async check(body: unknown, caller: Caller, times: RunTimes): Promise<FilledBody> {
    assertMayRun(caller);
    return (await this.#described(withRunTimes(bodyOf(body), times), newJobId(this.#parts.clock), caller)).filled;
  }

  /** Makes a job of a body. Throws CONFIG_INVALID and DEPLOYMENT_UNKNOWN (422), JOB_LIMIT (429; 422 where it would need a batch of monitoring too many). */
  async make(body: unknown, caller: Caller, origin: JobOrigin): Promise<JobRecord> {
    assertMayRun(caller);
    const { clock, store } = this.#parts;
    const created = clock.wall();
    const id = origin.id ?? newJobId(clock);
    // From here on the job has its times, whenever it is begun and however often.
    const timed = withRunTimes(bodyOf(body), origin.times ?? { current: created });
    const { checked, filled, job } = await this.#described(timed, id, caller);
    await this.#assertRoom(caller);
    const { model, line } = await this.#model(job);
    const server = new URL(job.deployment.server).origin;
    // Last of all: a batch counts among those of its day, whatever becomes of its job.
    const monitoringBatchId = await this.#parts.batches.ofJob(filled, caller, id);
    const owner = caller.user;
    const fresh = newRecord({ id, owner, body: checked, filled, server, model, monitoringBatchId, created, origin });
    const record = line === null ? fresh : { ...fresh, logs: withLine(fresh.logs, line) };
    await store.insert(record);
    this.#parts.events.tell({ record, progress: null });
    if (record.queuedAt !== null) this.#queued();
    return record;
  }

  /** Makes a job that is aborted at once, so that it is seen and why. Throws CONFIG_INVALID for what is no body at all. */
  async refuse(body: unknown, caller: Caller, origin: JobOrigin, refusal: JobRefusal): Promise<JobRecord> {
    const { clock, store, context } = this.#parts;
    const created = clock.wall();
    const id = origin.id ?? newJobId(clock);
    const { body: checked, filled } = checkBody(body);
    const server = serverOf(filled.deploymentId, context.configuration);
    const found = { server, model: null, monitoringBatchId: null };
    const fresh = newRecord({ id, owner: caller.user, body: checked, filled, ...found, created, origin });
    const record = { ...fresh, queuedAt: null, ...aborted(fresh, { ...refusal, wall: created }) };
    await store.insert(record);
    this.#parts.events.tell({ record, progress: null });
    return record;
  }

  /** What a body asks for, as far as its owner may. */
  async #described(body: object, id: string, { user }: Caller) {
    const { clock, seal, batches } = this.#parts;
    const { body: checked, filled } = checkBody(body);
    if (seal === null) assertNoSecrets(filled);
    const job = await ownedJob(this.#parts, { id, owner: user, body: checked as Json });
    await assertTargets(job, clock);
    await batches.assertFields(filled, user);
    return { checked, filled, job };
  }

  /** Which model all rows of the job will be from: the one that the deployment has now. */
  async #model(job: JobDescription): Promise<{ readonly model: ModelIdentity | null; readonly line: string | null }> {
    if (job.pinnedModelId !== null) return { model: { id: job.pinnedModelId }, line: null };
    try {
      const { clock } = this.#parts;
      const found = await describeDeployment(job, clock, AbortSignal.timeout(DESCRIBE_MS));
      return { model: found.model ?? null, line: null };
    } catch (error) {
      const why = findSluiceError(error)?.code ?? 'no answer in time';
      const line = `The prediction server could not be asked for its model (${why}); it is asked when the job begins`;
      return { model: null, line };
    }
  }

  async #assertRoom({ user }: Caller): Promise<void> {
    const { jobsPerUser } = this.#parts.settings.limits;
    if ((await this.#parts.store.unfinished(user.userId)) < jobsPerUser) return;
    throw new SluiceError('JOB_LIMIT', `${jobsPerUser} of your jobs have not ended yet; end some, or wait for them.`, {
      status: 429,
      waitMs: 10_000,
    });
  }
}

/** What is no object is refused by the check of the body. */
function bodyOf(body: unknown): object {
  return body ?? {};
}

/** Empty where the configuration does not have the deployment any more. */
function serverOf(deploymentId: string, configuration: Configuration): string {
  if (!configuration.deploymentIds.includes(deploymentId)) return '';
  try {
    return new URL(configuration.deployment(deploymentId).server).origin;
  } catch {
    return '';
  }
}
