import type { Clock } from '../../core/clock.ts';
import type { Limiter, Permit } from '../limiter.ts';
import { Knee } from './knee.ts';
import { WaitingLine } from './waiting-line.ts';

/** A share in what one prediction server bears. */
export interface ShareSettings {
  /** Requests at once of this user, at the most. */
  readonly ceiling: number;
  /** `live`: its requests go before those of every `batch` user. Default `batch`. */
  readonly priority?: 'live' | 'batch';
  /** Of the server's limit, in (0, 1]; one request is always allowed. Default 1. */
  readonly maxShare?: number;
}

/** Requests at once to begin with: what jobs have by default. */
const START = 4;

interface Share {
  readonly settings: ShareSettings;
  readonly line: WaitingLine<Permit>;
  inFlight: number;
  /** The number of the last permit that it was given. */
  served: number;
}

/**
 * What a prediction server bears at once, found by its latencies (see `Knee`), and shared by everybody in the process who sends to it. A free place
 * goes to who has the fewest requests under way, and among equals to who waited longest for his last one; users with priority first.
 */
export class ServerBudget {
  readonly #shares = new Set<Share>();
  readonly #knee: Knee;
  #inFlight = 0;
  #served = 0;

  constructor() {
    this.#knee = new Knee(START, () => this.#ceiling());
  }

  /** Users who have not left. */
  get users(): number {
    return this.#shares.size;
  }

  /** One more user. His limiter shows the limit of the server, as far as he may use it, and his own requests under way. */
  join(settings: ShareSettings, onLeave: () => void = () => undefined): Limiter {
    const share: Share = { settings, line: new WaitingLine(), inFlight: 0, served: 0 };
    this.#shares.add(share);
    const knee = this.#knee;
    const most = (): number => this.#most(share);
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
        const turn = share.line.wait(signal);
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

  #ceiling(): number {
    let sum = 0;
    for (const { settings } of this.#shares) sum += settings.ceiling;
    return Math.max(1, sum);
  }

  #most({ settings: { ceiling, maxShare = 1 } }: Share): number {
    return Math.min(ceiling, Math.max(1, Math.floor(maxShare * this.#knee.limit)));
  }

  #serve(): void {
    while (this.#inFlight < this.#knee.limit) {
      const next = this.#next();
      if (next === null) return;
      this.#inFlight += 1;
      this.#served += 1;
      next.inFlight += 1;
      next.served = this.#served;
      next.line.admit(this.#permit(next));
    }
  }

  #next(): Share | null {
    let next: Share | null = null;
    for (const share of this.#shares) {
      if (share.line.isEmpty || share.inFlight >= this.#most(share)) continue;
      if (next === null || goesBefore(share, next)) next = share;
    }
    return next;
  }

  #permit(share: Share): Permit {
    const knee = this.#knee;
    const begun = knee.begin(this.#inFlight);
    let held = true;
    return {
      release: (outcome) => {
        if (!held) return;
        held = false;
        this.#inFlight -= 1;
        share.inFlight -= 1;
        knee.end(begun, outcome);
        this.#serve();
      },
    };
  }
}

function goesBefore(a: Share, b: Share): boolean {
  const first = rank(a) - rank(b);
  if (first !== 0) return first < 0;
  return a.inFlight === b.inFlight ? a.served < b.served : a.inFlight < b.inFlight;
}

function rank({ settings }: Share): number {
  return settings.priority === 'live' ? 0 : 1;
}

const budgets = new WeakMap<Clock, Map<string, ServerBudget>>();

/**
 * A share in the budget of a server: one budget per server in a process, as long as anybody uses it.
 * @param server its URL; servers are told apart by origin.
 * @param clock who measures by another clock shares nothing.
 */
export function joinServer(server: string, clock: Clock, settings: ShareSettings): Limiter {
  const { origin } = new URL(server);
  const known = budgets.get(clock) ?? new Map<string, ServerBudget>();
  budgets.set(clock, known);
  const budget = known.get(origin) ?? new ServerBudget();
  known.set(origin, budget);
  return budget.join(settings, () => {
    if (budget.users === 0) known.delete(origin);
  });
}
