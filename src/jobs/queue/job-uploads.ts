import { ChunkReader } from '../../codecs/chunk-reader.ts';
import { SluiceError } from '../../core/error.ts';
import { settlesWithin } from '../../core/settles-within.ts';
import { checkBody } from './body/described-job.ts';
import type { FilledBody } from './body/prediction-body.ts';
import { jobUnknown, wrongState } from './caller.ts';
import { aborted, abortedError } from './job-changes.ts';
import { hasEnded, type JobRecord } from './job-record.ts';
import type { JobParts } from './job-work.ts';
import { assertJoinable } from './upload/part-header.ts';
import {
  type BodyRange,
  finishParts,
  type Receiving,
  receivePart,
  receiveWhole,
  UploadDiffers,
} from './upload/receive.ts';
import { SpoolFolder } from './upload/spool-folder.ts';
import { limitedUpload } from './upload/upload-slots.ts';

/** An upload as it comes in. */
export interface UploadRequest {
  readonly body: AsyncIterable<Uint8Array>;
  /** Of a `Content-Range`; null: all of it. */
  readonly range: BodyRange | null;
}

/** How often a job is looked at whose upload is under way: it may be ended elsewhere. */
const LOOK_MS = 1_000;
/** How long a second upload waits for the first to break off: its connection may be dead already. */
const OTHER_MS = 2_000;
/** Of so many jobs it is remembered that their upload was answered; of others a second one is compared with the first. */
const ANSWERED = 10_000;

type Intake = Extract<FilledBody['intakeSettings'], { readonly type: 'localFile' }>;

/** An upload to one job, under way in this process. */
interface Incoming {
  readonly ended: Promise<void>;
}

/** Receives the uploads of jobs. Nothing of scoring ever holds them back. */
export class JobUploads {
  readonly #parts: JobParts;
  readonly #wake: () => void;
  readonly #incoming = new Map<string, Set<Incoming>>();
  /** Jobs whose upload was answered for good: one that comes behind is a second one, and not one that was sent again. */
  readonly #answered = new Set<string>();

  /** @param wake the queue has changed. */
  constructor(parts: JobParts, wake: () => void) {
    this.#parts = parts;
    this.#wake = wake;
  }

  /** Takes a whole upload, or the continuation of one. Throws JOB_UNKNOWN, JOB_STATE, REQUEST_INVALID with the status of the reply. */
  async whole(record: JobRecord, { body, range }: UploadRequest): Promise<void> {
    const { intake } = this.#wanted(record);
    if (intake.multipart) throw wrongState('The job takes its upload in parts: PUT csvUpload/part/0/, and so on.', 422);
    await this.#others(record.id);
    const { folders, growths } = this.#parts;
    const folder = new SpoolFolder(folders.intake(record.id), { multipart: false });
    if ((await folder.end()) !== null && this.#answered.has(record.id))
      throw wrongState('The upload of this job has ended already. Make another job for other rows.');
    await this.#receive(record, body, async (checked) => {
      if (intake.async) await this.#begun(record.id);
      else await this.#opened(record.id);
      const isAll = await receiveWhole({ folder, growth: growths.of(record.id), body: checked }, range, () =>
        this.#mayReplace(record.id),
      );
      if (isAll) await this.#ended(record.id);
    });
  }

  /** Takes one part. */
  async part(record: JobRecord, number: number, { body }: UploadRequest): Promise<void> {
    const { intake, filled } = this.#wanted(record);
    if (!intake.multipart)
      throw wrongState(
        'The job takes its upload as one: PUT csvUpload/. For parts make it with intakeSettings.multipart.',
        422,
      );
    assertJoinable(filled.csvSettings);
    const folder = new SpoolFolder(this.#parts.folders.intake(record.id), { multipart: true });
    if ((await folder.end()) !== null) throw wrongState('The upload of this job was finalized already.');
    await this.#receive(record, body, async (checked) => {
      if (intake.async) await this.#begun(record.id);
      else await this.#opened(record.id);
      const receiving: Receiving = { folder, growth: this.#parts.growths.of(record.id), body: checked };
      await receivePart(receiving, number, filled.csvSettings.quotechar);
    });
  }

  async finalize(record: JobRecord): Promise<void> {
    const { intake, filled } = this.#wanted(record);
    if (!intake.multipart) throw wrongState('The job takes its upload as one, which needs no end.', 422);
    const folder = new SpoolFolder(this.#parts.folders.intake(record.id), { multipart: true });
    if ((await folder.end()) === null) {
      if ((this.#incoming.get(record.id)?.size ?? 0) > 0)
        throw wrongState('A part of the upload is still under way. Finalize it when all parts are answered.');
      await finishParts(folder, this.#parts.growths.of(record.id), filled.csvSettings.quotechar);
    }
    await this.#ended(record.id);
  }

  /** The reply to the upload was taken by the client: he will not send it again. */
  answered(id: string): void {
    this.#answered.add(id);
    const [oldest] = this.#answered;
    if (this.#answered.size > ANSWERED && oldest !== undefined) this.#answered.delete(oldest);
  }

  #wanted(record: JobRecord): { readonly intake: Intake; readonly filled: FilledBody } {
    if (record.upload === 'none') throw wrongState('The job reads elsewhere, and takes no upload.', 422);
    if (record.status === 'ABORTED') throw abortedError(record);
    if (record.status === 'COMPLETED' && this.#answered.has(record.id))
      throw wrongState('The upload of this job has ended already. Make another job for other rows.');
    const { filled } = checkBody(record.body);
    return { intake: filled.intakeSettings as Intake, filled };
  }

  /** One upload at once; one that was just broken off makes way. */
  async #others(id: string): Promise<void> {
    const others = [...(this.#incoming.get(id) ?? [])].map(({ ended }) => ended);
    if (others.length === 0) return;
    if (!(await settlesWithin(Promise.all(others), OTHER_MS, this.#parts.clock)))
      throw wrongState('Another upload to this job is under way.');
  }

  async #receive(
    record: JobRecord,
    body: AsyncIterable<Uint8Array>,
    work: (body: AsyncIterable<Uint8Array>) => Promise<void>,
  ): Promise<void> {
    const { settings, clock, store, slots } = this.#parts;
    using _ = slots.take(record.owner.userId);
    const { promise, resolve } = Promise.withResolvers<void>();
    const incoming: Incoming = { ended: promise };
    const all = this.#incoming.get(record.id) ?? new Set();
    this.#incoming.set(record.id, all.add(incoming));
    const look = (): Promise<JobRecord | null> => store.get(record.id);
    try {
      await work(limitedUpload(checkedBody(body, clock, look), settings.limits.uploadBytes));
    } catch (error) {
      if (!(error instanceof UploadDiffers)) {
        // The files of a job that ends meanwhile are removed under the upload.
        const now = await look().catch(() => undefined);
        if (now === null) throw jobUnknown();
        throw now?.status === 'ABORTED' ? abortedError(now) : error;
      }
      await this.#abort(record.id, error.message);
      if ((await look())?.status === 'COMPLETED') throw wrongState('The upload of this job has ended already.');
      throw new SluiceError('JOB_STATE', `The job was aborted: ${error.message}.`, { status: 422 });
    } finally {
      all.delete(incoming);
      if (all.size === 0) this.#incoming.delete(record.id);
      resolve();
    }
  }

  /** Whether nobody has read what came. The job then leaves the queue until its upload has ended, so that nobody begins to. */
  async #mayReplace(id: string): Promise<boolean> {
    const record = await this.#parts.store.update(id, (now) => (isUnread(now) ? { queuedAt: null } : null));
    return record !== null && isUnread(record);
  }

  /** It enters the queue. */
  async #begun(id: string): Promise<void> {
    const wall = this.#parts.clock.wall();
    await this.#change(id, (now) =>
      now.queuedAt === null || now.upload === 'waiting'
        ? { upload: now.upload === 'ended' ? 'ended' : 'open', queuedAt: now.queuedAt ?? wall }
        : null,
    );
    this.#wake();
  }

  async #opened(id: string): Promise<void> {
    await this.#change(id, ({ upload }) => (upload === 'waiting' ? { upload: 'open' } : null));
  }

  async #ended(id: string): Promise<void> {
    const wall = this.#parts.clock.wall();
    const end = await new SpoolFolder(this.#parts.folders.intake(id), { multipart: true }).end();
    await this.#change(id, ({ upload, queuedAt, intakeTotal }) =>
      upload === 'ended'
        ? null
        : { upload: 'ended', queuedAt: queuedAt ?? wall, intakeTotal: end?.bytes ?? intakeTotal },
    );
    this.#wake();
  }

  async #abort(id: string, reason: string): Promise<void> {
    const wall = this.#parts.clock.wall();
    await this.#change(id, (now) => aborted(now, { reason, code: 'REQUEST_INVALID', wall }));
    this.#wake();
  }

  /** Changes a job that has not ended. */
  async #change(id: string, change: (now: JobRecord) => Partial<JobRecord> | null): Promise<void> {
    const record = await this.#parts.store.update(id, (now) => (hasEnded(now) ? null : change(now)));
    if (record === null) throw jobUnknown();
    if (record.status === 'ABORTED' && record.failure !== 'REQUEST_INVALID') throw abortedError(record);
    this.#parts.events.tell({ record, progress: null });
  }
}

function isUnread({ startedAt, claim }: JobRecord): boolean {
  return startedAt === null && claim === null;
}

/** The body of an upload, which ends with JOB_STATE (422) when its job does. */
async function* checkedBody(
  body: AsyncIterable<Uint8Array>,
  clock: JobParts['clock'],
  look: () => Promise<JobRecord | null>,
): AsyncGenerator<Uint8Array, void> {
  const ended = new AbortController();
  const jobEnded = new AbortController();
  const watch = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      // A store that is away for a moment says nothing of the job.
      const record = await look().catch(() => undefined);
      if (record === null) jobEnded.abort(jobUnknown());
      else if (record?.status === 'ABORTED') jobEnded.abort(abortedError(record));
      await clock.sleep(LOOK_MS, ended.signal).catch(() => undefined);
    }
  };
  void watch();
  const reader = new ChunkReader(body, clock, jobEnded.signal);
  try {
    for (;;) {
      const chunk = await reader.next(Number.POSITIVE_INFINITY);
      if (chunk === null || chunk === 'late') return;
      yield chunk;
    }
  } finally {
    ended.abort();
  }
}
