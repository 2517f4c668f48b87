import type { Clock } from '../core/clock.ts';
import type { Ledger } from '../core/ledger.ts';
import { EMPTY_TALLY, type Tally } from '../core/scored-batch.ts';
import type { StageMeter } from '../core/stage-meter.ts';
import type { Statistics } from '../core/statistics.ts';
import { NO_SERVICE, type ServiceFigures } from '../observe/service-statistics.ts';
import type { ExplanationCounters } from '../scoring/explanations/occlusion.ts';
import type { JobState, Progress, RequestFigures, TopicProgress } from './job-run.ts';

/** What a run can be asked while it goes on. */
export interface ProgressProbes {
  bytesRead(): number;
  /** Requests of this process. */
  own(): RequestFigures;
  /** Those of all processes that score for the job; left out where it is this one alone. */
  all?(): RequestFigures;
  service(): ServiceFigures;
  /** For jobs that explain rows themselves. */
  explanations?(): ExplanationCounters | null;
  /** For jobs over topics. */
  topics?(): TopicProgress | null;
}

const NOTHING: ProgressProbes = {
  bytesRead: () => 0,
  own: () => ({ inFlight: 0, limit: null, requests: 0, retries: 0, latency: null, recentLatency: null }),
  service: () => NO_SERVICE,
};

/** The rate is that of the last so many milliseconds: short enough to show a change, long enough not to jump. */
const RATE_WINDOW_MS = 5_000;

/** Gathers what is shown of a run. Cheap to feed (once per batch) and computed when looked at. */
export class ProgressTracker {
  readonly #clock: Clock;
  readonly #meters: readonly StageMeter[];
  readonly #start: number;
  readonly #samples: { readonly at: number; readonly rows: number }[] = [];
  #probes: ProgressProbes = NOTHING;
  #bytesTotal: number | null = null;
  #state: JobState = 'starting';
  #detail = '';
  #tally: Tally = EMPTY_TALLY;
  #statistics: Statistics | undefined;
  #continuedFrom = 0;
  #ended: number | undefined;

  constructor(clock: Clock, meters: readonly StageMeter[]) {
    this.#clock = clock;
    this.#meters = meters;
    this.#start = clock.now();
  }

  /** The pipeline is open: what an interrupted run did, how large the intake is, and whom to ask. */
  begin(ledger: Ledger | null, bytesTotal: number | null, probes: ProgressProbes): void {
    this.#tally = ledger?.tally ?? EMPTY_TALLY;
    this.#statistics = ledger?.statistics;
    this.#continuedFrom = this.#tally.read;
    this.#bytesTotal = bytesTotal;
    this.#probes = probes;
    this.enter('running');
  }

  enter(state: JobState, detail = ''): void {
    this.#state = state;
    this.#detail = detail;
    if (state === 'done' || state === 'failed' || state === 'interrupted') this.#ended ??= this.#clock.now();
  }

  get state(): JobState {
    return this.#state;
  }

  get statistics(): Statistics | undefined {
    return this.#statistics;
  }

  get tally(): Tally {
    return this.#tally;
  }

  delivered(tally: Tally, statistics?: Statistics): void {
    this.#tally = tally;
    this.#statistics = statistics;
    const now = this.#clock.now();
    const last = this.#samples.at(-1);
    if (last !== undefined && now - last.at < RATE_WINDOW_MS / 20) return;
    this.#samples.push({ at: now, rows: tally.read });
    while (now - this.#samples[0]!.at > RATE_WINDOW_MS) this.#samples.shift();
  }

  look(): Progress {
    const now = this.#ended ?? this.#clock.now();
    const bytesRead = this.#probes.bytesRead();
    const elapsedMs = now - this.#start;
    const own = this.#probes.own();
    return {
      ...(this.#probes.all?.() ?? own),
      own,
      state: this.#state,
      detail: this.#detail,
      tally: this.#tally,
      continuedFrom: this.#continuedFrom,
      bytesRead,
      bytesTotal: this.#bytesTotal,
      rowsPerSecond: this.#rate(now, elapsedMs),
      elapsedMs,
      etaMs: eta(bytesRead, this.#bytesTotal, elapsedMs),
      topics: this.#probes.topics?.() ?? null,
      service: this.#probes.service(),
      statistics: this.#statistics ?? null,
      explanations: snapshot(this.#probes.explanations?.() ?? null),
      stages: this.#meters.map(({ stage, milliseconds }) => ({ stage, milliseconds: { ...milliseconds } })),
    };
  }

  /** Of the last seconds while the run goes on, of the whole run once it has ended. */
  #rate(now: number, elapsedMs: number): number {
    const done = this.#tally.read - this.#continuedFrom;
    const oldest = this.#samples[0];
    if (this.#ended !== undefined || oldest === undefined || now - oldest.at < 250)
      return elapsedMs > 0 ? (1000 * done) / elapsedMs : 0;
    return (1000 * (this.#tally.read - oldest.rows)) / (now - oldest.at);
  }
}

/** As of now: what a look shows does not change behind it. */
function snapshot(counters: ExplanationCounters | null): ExplanationCounters | null {
  return counters === null ? null : { ...counters };
}

function eta(bytesRead: number, bytesTotal: number | null, elapsedMs: number): number | null {
  if (bytesTotal === null || bytesRead <= 0) return null;
  return Math.max(0, (elapsedMs * (bytesTotal - bytesRead)) / bytesRead);
}
