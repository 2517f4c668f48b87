import type { Clock } from '../../core/clock.ts';
import type { Limiter, Permit } from '../limiter.ts';
import type { Priority } from './fair-parts.ts';
import { Knee } from './knee.ts';
import { Neighbours, type ServerUse, type Standing } from './neighbours.ts';
import { TimeMean } from './time-mean.ts';
import { WaitingLine } from './waiting-line.ts';

/** A share in what one prediction server bears. */
export interface ShareSettings {
  /** Requests at once of this user, at the most. */
  readonly ceiling: number;
  /** `live`: its requests go before those of every `batch` user. Default `batch`. */
  readonly priority?: Priority;
  /** Of the server's limit, in (0, 1]; one request is always allowed. Default 1. */
  readonly maxShare?: number;
}

/** Requests at once to begin with: what jobs have by default. */
const START = 4;
/** A live user who has sent nothing for so long is not there. */
const LIVE_MS = 30_000;
/** Live users who take everything leave the batch users one turn of so many. */
const TURNS = 16;
/** How fast the mean of what live users have under way follows what their requests meet. */
const GAIN = 0.05;
/** Means over less time say little. */
const LEAST_TOLD_MS = 1_000;
const ALONE: Standing = { most: Number.POSITIVE_INFINITY, inFlight: 0, batch: 0, isLive: false, isSmaller: false };

interface Share {
  readonly settings: Required<ShareSettings>;
  readonly line: WaitingLine<Permit>;
  /** Requests under way and those that wait for their turn. */
  readonly wants: TimeMean;
  inFlight: number;
  /** The number of the last permit that it was given. */
  served: number;
  /** When it asked for one last. */
  askedMs: number;
}

/**
 * What a prediction server bears at once, found by its latencies (see `Knee`), and shared by everybody in the process who sends to it. A free place
 * goes to who has the fewest requests under way, and among equals to who waited longest for his last one; live users first.
 *
 * While there is a live user, here or in another process, batch users keep no queue in the server, as it is what a live request would wait
 * behind, and leave a place in it free, so that it mostly need not wait at all.
 */
export class ServerBudget {
  readonly #clock: Pick<Clock, 'now' | 'wall'>;
  readonly #knee: Knee;
  readonly #shares = new Set<Share>();
  readonly #inFlight: TimeMean;
  readonly #neighbours = new Neighbours();
  #standing = ALONE;
  #told: { readonly use: ServerUse; readonly atMs: number } | null = null;
  #served = 0;
  #batchServed = 0;
  /** What a live request finds under way of its kind, mean. */
  #liveInFlight = 0;

  constructor(clock: Pick<Clock, 'now' | 'wall'>) {
    this.#clock = clock;
    this.#knee = new Knee(START, () => this.#ceiling(), clock);
    this.#inFlight = new TimeMean(clock);
  }

  /** Users who have not left. */
  get users(): number {
    return this.#shares.size;
  }

  /** One more user. His limiter shows the limit of the server, as far as he may use it, and his own requests under way. */
  join(given: ShareSettings, onLeave: () => void = () => undefined): Limiter {
    const settings = { priority: 'batch', maxShare: 1, ...given } as const;
    const wants = new TimeMean(this.#clock);
    const share: Share = { settings, line: new WaitingLine(), wants, inFlight: 0, served: 0, askedMs: -LIVE_MS };
    this.#shares.add(share);
    const knee = this.#knee;
    const most = (): number => Math.min(this.#most(share), this.#room(share));
    return {
      get limit() {
        return most();
      },
      get inFlight() {
        return share.inFlight;
      },
      get isSettled() {
        return knee.isSettled;
      },
      acquire: (signal) => {
        if (settings.priority === 'live') this.#asks(share);
        const turn = share.line.wait(signal);
        share.wants.set(share.inFlight + share.line.length);
        this.#serve();
        return turn;
      },
      leave: () => {
        if (!this.#shares.delete(share)) return;
        this.#serve();
        onLeave();
      },
    };
  }

  /**
   * What this process has done with the server since it was asked last, for the others; what they said counts for this one from now on
   * as they stand to that. Asked every few seconds where processes tell each other, else never. Two who ask at the same time get the same.
   */
  exchange(): ServerUse {
    const now = this.#clock.now();
    if (this.#told !== null && now - this.#told.atMs < LEAST_TOLD_MS) return this.#told.use;
    const inFlight = this.#inFlight.take();
    const use: ServerUse = {
      users: [...this.#shares].map(({ settings: { priority, maxShare, ceiling }, wants }) => ({
        priority,
        maxShare,
        wants: Math.min(ceiling, wants.take()),
      })),
      inFlight,
      busy: inFlight * this.#knee.share,
      isLive: this.#isLiveHere,
    };
    this.#told = { use, atMs: now };
    this.#standing = this.#neighbours.standing(use, now);
    this.#serve();
    return use;
  }

  /** Another process has told of its use of the server; null: it has left. */
  heard(process: string, use: ServerUse | null): void {
    if (use === null) this.#neighbours.left(process);
    else this.#neighbours.heard(process, use, this.#clock.now());
  }

  #asks(share: Share): void {
    share.askedMs = this.#clock.now();
    let live = 0;
    for (const { settings, inFlight } of this.#shares) if (settings.priority === 'live') live += inFlight;
    this.#liveInFlight += GAIN * (live - this.#liveInFlight);
  }

  #ceiling(): number {
    let sum = 0;
    for (const { settings } of this.#shares) sum += settings.ceiling;
    return Math.max(1, sum);
  }

  get #isLiveHere(): boolean {
    const since = this.#clock.now() - LIVE_MS;
    for (const { settings, inFlight, line, askedMs } of this.#shares)
      if (settings.priority === 'live' && (inFlight > 0 || !line.isEmpty || askedMs > since)) return true;
    return false;
  }

  /** Requests at once of one user. What the server bears can be seen only by sending so much: then no share is held back. */
  #most({ settings: { ceiling, maxShare } }: Share): number {
    if (maxShare === 1 || this.#knee.isLooking) return ceiling;
    return Math.min(ceiling, Math.max(1, Math.floor(maxShare * (this.#knee.limit + this.#standing.inFlight))));
  }

  /** Requests at once of all users, up to which one of this one may be added. */
  #room({ settings: { priority } }: Share): number {
    const { limit, workers, isLooking } = this.#knee;
    const allowed = Math.max(1, Math.min(limit, Math.floor(this.#standing.most)));
    // For a look at what a request takes without a queue live users need not step back. Where others have batch users, the few requests more that
    // a burst is find room sooner than what is known here tells.
    if (priority === 'live') {
      const burst = Math.ceil(Math.sqrt(this.#standing.batch));
      return Math.max(allowed, Math.min(Math.floor(workers), this.#standing.most)) + burst;
    }
    if (isLooking || !(this.#standing.isLive || this.#isLiveHere)) return allowed;
    return Math.max(1, Math.min(allowed, Math.round(workers) - this.#reserve()));
  }

  /** Places that are left free for live users. */
  #reserve(): number {
    if (this.#standing.isSmaller || this.#knee.workers < 2) return 0;
    return Math.max(1, Math.round(Math.sqrt(this.#liveInFlight) / 2));
  }

  #serve(): void {
    for (let next = this.#next(); next !== null; next = this.#next()) {
      this.#inFlight.set(this.#inFlight.value + 1);
      this.#served += 1;
      next.inFlight += 1;
      next.served = this.#served;
      if (next.settings.priority === 'batch') this.#batchServed = this.#served;
      next.line.admit(this.#permit(next));
    }
  }

  #next(): Share | null {
    const isBatchDue = this.#served - this.#batchServed >= TURNS;
    let next: Share | null = null;
    for (const share of this.#shares) {
      if (share.line.isEmpty || share.inFlight >= this.#most(share)) continue;
      const isDue = isBatchDue && share.settings.priority === 'batch';
      if (this.#inFlight.value >= (isDue ? this.#knee.limit : this.#room(share))) continue;
      if (next === null || goesBefore(share, next, isBatchDue)) next = share;
    }
    return next;
  }

  #permit(share: Share): Permit {
    const knee = this.#knee;
    const begun = knee.begin(this.#inFlight.value);
    let held = true;
    return {
      release: (outcome) => {
        if (!held) return;
        held = false;
        this.#inFlight.set(this.#inFlight.value - 1);
        share.inFlight -= 1;
        share.wants.set(share.inFlight + share.line.length);
        knee.end(begun, outcome);
        this.#serve();
      },
    };
  }
}

function goesBefore(a: Share, b: Share, isBatchDue: boolean): boolean {
  if (a.settings.priority !== b.settings.priority) return (a.settings.priority === 'live') !== isBatchDue;
  return a.inFlight === b.inFlight ? a.served < b.served : a.inFlight < b.inFlight;
}

const budgets = new WeakMap<Clock, Map<string, ServerBudget>>();

/** The budgets of the servers that are in use now, by origin. */
export function budgetsInUse(clock: Clock): ReadonlyMap<string, ServerBudget> {
  return budgets.get(clock) ?? new Map();
}

/**
 * A share in the budget of a server: one budget per server in a process, as long as anybody uses it.
 * @param server its URL; servers are told apart by origin.
 * @param clock who measures by another clock shares nothing.
 */
export function joinServer(server: string, clock: Clock, settings: ShareSettings): Limiter {
  const { origin } = new URL(server);
  const known = budgets.get(clock) ?? new Map<string, ServerBudget>();
  budgets.set(clock, known);
  const budget = known.get(origin) ?? new ServerBudget(clock);
  known.set(origin, budget);
  return budget.join(settings, () => {
    if (budget.users === 0) known.delete(origin);
  });
}
