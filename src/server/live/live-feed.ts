import type { Clock } from '../../core/clock.ts';
import { messageOf } from '../../core/error.ts';
import type { LetterList } from '../../jobs/dead-letters/list-letters.ts';
import type { Caller } from '../../jobs/queue/caller.ts';
import type { JobEvent } from '../../jobs/queue/job-events.ts';
import type { JobRecord } from '../../jobs/queue/job-record.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';
import type { JobFilter } from '../../jobs/queue/store/job-filter.ts';
import { JobHistories } from './job-histories.ts';
import type { JobHistory } from './job-history.ts';
import { LetterLookups } from './letter-lookups.ts';
import { liveJob } from './live-job.ts';
import { type LiveConnection, LiveTab } from './live-tab.ts';
import type { LiveJob, LiveJobs, LiveSnapshot } from './live-view.ts';

/** At most four events a second, whatever happens. */
const EVERY_MS = 250;
/** How often it is looked for changes that nobody here tells of: those of other servers at the same store. */
const LOOK_MS = 2_000;
/** Silent streams are kept open by a comment. */
const ALIVE_MS = 15_000;
/** Jobs in a snapshot. */
const NEWEST = 100;
/** Jobs that are looked at for changes, and whose place in the queue is told. */
const UNFINISHED = 200;

const EVERYBODY: Caller = { user: { userId: '', username: 'the live page', fullName: '' }, role: 'admin' };

export interface LiveFeedOptions {
  readonly service: JobService;
  readonly clock: Clock;
  readonly log: (line: string) => void;
}

/**
 * What the open pages are told: a snapshot first, then changed jobs, at most four times a second for all jobs together. It listens once,
 * whatever the number of tabs, and makes the text of an event once for all tabs that may see the same jobs.
 */
export class LiveFeed implements AsyncDisposable {
  readonly #service: JobService;
  readonly #clock: Clock;
  readonly #log: (line: string) => void;
  readonly #histories: JobHistories;
  readonly #letters: LetterLookups;
  readonly #tabs = new Set<LiveTab>();
  readonly #changed = new Map<string, JobRecord>();
  /** What was told of jobs that have not ended. */
  readonly #told = new Map<string, Pick<LiveJob, 'revision' | 'status' | 'queuePosition'>>();
  readonly #ending = new AbortController();
  readonly #unwatch: () => void;
  #telling: Promise<void> | null = null;
  #ticking: Promise<void> | null = null;
  #lastTold = Number.NEGATIVE_INFINITY;

  constructor({ service, clock, log }: LiveFeedOptions) {
    this.#service = service;
    this.#clock = clock;
    this.#log = log;
    this.#histories = new JobHistories(clock);
    this.#letters = new LetterLookups(service, clock);
    this.#unwatch = service.watch((event) => this.#heard(event));
  }

  /** Opens a stream; it ends when the connection or the feed does. */
  async join(connection: LiveConnection, caller: Caller): Promise<void> {
    const tab = new LiveTab(connection, caller);
    this.#tabs.add(tab);
    connection.closed.addEventListener('abort', () => this.#tabs.delete(tab), { once: true });
    this.#ticking ??= this.#tick();
    try {
      await this.#greet(tab);
    } catch (error) {
      // The page begins anew when its stream ends.
      this.#complain('a page could not be given its jobs', error);
      tab.end();
    }
  }

  get tabs(): number {
    return this.#tabs.size;
  }

  history(id: string): JobHistory | null {
    return this.#histories.get(id);
  }

  /** The rows of a job that were not scored, by their cause. */
  letters(id: string, caller: Caller): Promise<LetterList> {
    return this.#letters.of(id, caller);
  }

  /** Jobs as lists show them. */
  async jobs(filter: JobFilter, caller: Caller): Promise<LiveJobs> {
    const { total, records } = await this.#service.list(filter, caller);
    return { total, jobs: await this.#shown(records) };
  }

  async job(record: JobRecord): Promise<LiveJob> {
    const [job] = await this.#shown([record]);
    return job!;
  }

  async close(): Promise<void> {
    this.#unwatch();
    this.#ending.abort();
    for (const tab of this.#tabs) tab.end();
    this.#tabs.clear();
    await Promise.all([this.#telling, this.#ticking]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A server that stops has no store to be asked any more. */
  #complain(what: string, error: unknown): void {
    if (!this.#ending.signal.aborted) this.#log(`${what}: ${messageOf(error)}`);
  }

  #heard({ record, progress }: JobEvent): void {
    this.#histories.add(record, progress);
    if (this.#tabs.size === 0) return;
    this.#change(record);
  }

  #change(record: JobRecord): void {
    const before = this.#changed.get(record.id);
    if (before === undefined || before.revision <= record.revision) this.#changed.set(record.id, record);
    this.#telling ??= this.#tellAll();
  }

  /** Until all is told. What changes meanwhile is told together, when it may be. */
  async #tellAll(): Promise<void> {
    while (this.#changed.size > 0 && !this.#ending.signal.aborted) {
      const wait = Math.max(0, this.#lastTold + EVERY_MS - this.#clock.now());
      await (wait === 0 ? null : this.#clock.sleep(wait, this.#ending.signal).catch(() => undefined));
      if (this.#ending.signal.aborted) return;
      this.#lastTold = this.#clock.now();
      await this.#tell().catch((error: unknown) => this.#complain('the live page could not be told of changes', error));
    }
    this.#telling = null;
  }

  async #tell(): Promise<void> {
    const records = new Map(this.#changed);
    this.#changed.clear();
    const hasMoved = [...records.values()].some(({ id, status }) => this.#told.get(id)?.status !== status);
    if (hasMoved) await this.#addMoved(records);
    this.#send(await this.#shown([...records.values()]), records);
  }

  /** When one job begins or ends, those that wait for it move up. */
  async #addMoved(records: Map<string, JobRecord>): Promise<void> {
    const waiting = await this.#unfinished(['INITIALIZING']);
    const positions = await this.#service.queuePositions(waiting);
    for (const record of waiting)
      if ((positions.get(record.id) ?? null) !== (this.#told.get(record.id)?.queuePosition ?? null))
        if (!records.has(record.id)) records.set(record.id, record);
  }

  #send(jobs: readonly LiveJob[], records: ReadonlyMap<string, JobRecord>): void {
    if (jobs.length === 0) return;
    for (const job of jobs) this.#remember(job);
    const texts = new Map<string | null, string>();
    for (const tab of this.#tabs) {
      let text = texts.get(tab.audience);
      if (text === undefined) {
        const seen = jobs.filter(({ id }) => tab.maySee(records.get(id)!));
        text = seen.length === 0 ? '' : eventText('jobs', seen);
        texts.set(tab.audience, text);
      }
      tab.send(text);
    }
  }

  #remember({ id, revision, status, queuePosition }: LiveJob): void {
    if (status === 'COMPLETED' || status === 'ABORTED') this.#told.delete(id);
    else this.#told.set(id, { revision, status, queuePosition });
  }

  /** A snapshot, and again one whenever a tab was too slow for what came. */
  async #greet(tab: LiveTab): Promise<void> {
    do {
      tab.begin();
      const filter: JobFilter = { offset: 0, limit: NEWEST, owner: null, orderBy: '-created' };
      const { jobs } = await this.jobs(filter, tab.caller);
      const { username } = tab.caller.user;
      const snapshot: LiveSnapshot = {
        now: this.#clock.wall(),
        user: username,
        mayRun: tab.caller.role !== 'read',
        deployments: this.#service.configuration.deploymentIds,
        jobs,
      };
      tab.greet(eventText('snapshot', snapshot));
    } while (await tab.hasFallenBehind());
  }

  /** As long as somebody looks: changes of other servers, and signs of life. */
  async #tick(): Promise<void> {
    const { signal } = this.#ending;
    let aliveAt = this.#clock.now();
    while (this.#tabs.size > 0 && !signal.aborted) {
      await this.#look().catch((error: unknown) => this.#complain('jobs could not be looked at', error));
      if (this.#clock.now() - aliveAt >= ALIVE_MS) {
        aliveAt = this.#clock.now();
        for (const tab of this.#tabs) tab.send(': alive\n\n');
      }
      await this.#clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
    this.#ticking = null;
    this.#told.clear();
    if (this.#tabs.size > 0 && !signal.aborted) this.#ticking = this.#tick();
  }

  async #look(): Promise<void> {
    const found = await this.#unfinished(['INITIALIZING', 'RUNNING']);
    const ids = new Set(found.map(({ id }) => id));
    for (const record of found) if (this.#told.get(record.id)?.revision !== record.revision) this.#change(record);
    // Of more jobs than these it is not known which have ended.
    if (found.length >= UNFINISHED) return;
    for (const id of this.#told.keys()) {
      if (ids.has(id)) continue;
      this.#told.delete(id);
      const record = await this.#service.get(id, EVERYBODY).catch(() => null);
      if (record !== null) this.#change(record);
    }
  }

  async #unfinished(status: JobFilter['status']): Promise<readonly JobRecord[]> {
    const filter: JobFilter = { offset: 0, limit: UNFINISHED, status, owner: null, orderBy: '-created' };
    return (await this.#service.list(filter, EVERYBODY)).records;
  }

  async #shown(records: readonly JobRecord[]): Promise<LiveJob[]> {
    const positions = await this.#service.queuePositions(records);
    return records.map((record) =>
      liveJob(record, this.#histories.get(record.id)?.last ?? null, positions.get(record.id) ?? null),
    );
  }
}

function eventText(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
