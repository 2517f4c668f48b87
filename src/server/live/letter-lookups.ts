import type { Clock } from '../../core/clock.ts';
import type { LetterList } from '../../jobs/dead-letters/list-letters.ts';
import type { Caller } from '../../jobs/queue/caller.ts';
import type { JobService } from '../../jobs/queue/job-service.ts';

/** Jobs whose causes are remembered: those that were asked for last. */
const MOST = 50;
/** The causes of a job that runs are looked up again after ten times as long as that took, and not sooner than this. */
const LEAST_MS = 5_000;
const TIMES = 10;
const PATIENCE_MS = 60_000;

interface Lookup {
  /** What must have changed before it is done again. */
  readonly of: string;
  readonly letters: Promise<LetterList>;
  /** By the clock; infinite as long as it goes on. */
  freshUntil: number;
}

/** The causes of bad rows for all who look at a job: dead letters may be many, and are read once for all of them. */
export class LetterLookups {
  readonly #service: JobService;
  readonly #clock: Clock;
  readonly #lookups = new Map<string, Lookup>();

  constructor(service: JobService, clock: Clock) {
    this.#service = service;
    this.#clock = clock;
  }

  /** Throws what `JobService.letters` throws. */
  async of(id: string, caller: Caller): Promise<LetterList> {
    const { tally, status, claim } = await this.#service.get(id, caller);
    const of = [tally.failed, tally.skipped, status, status === 'COMPLETED' && claim !== null].join(' ');
    const known = this.#lookups.get(id);
    const isFresh = known !== undefined && status === 'RUNNING' && this.#clock.now() < known.freshUntil;
    if (known?.of === of || isFresh) return await known.letters;
    const lookup: Lookup = {
      of,
      letters: this.#service.letters(id, caller, AbortSignal.timeout(PATIENCE_MS)),
      freshUntil: Number.POSITIVE_INFINITY,
    };
    this.#lookups.delete(id);
    this.#lookups.set(id, lookup);
    const [oldest] = this.#lookups.keys();
    if (this.#lookups.size > MOST && oldest !== undefined) this.#lookups.delete(oldest);
    const begun = this.#clock.now();
    try {
      return await lookup.letters;
    } catch (error) {
      // The next one who asks tries again.
      if (this.#lookups.get(id) === lookup) this.#lookups.delete(id);
      throw error;
    } finally {
      const ended = this.#clock.now();
      lookup.freshUntil = ended + Math.max(LEAST_MS, TIMES * (ended - begun));
    }
  }
}
