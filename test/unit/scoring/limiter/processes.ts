import { ServerBudget, type ShareSettings } from '../../../../src/scoring/limiter/server-budget.ts';
import type { Limiter } from '../../../../src/scoring/limiter.ts';
import type { VirtualClock } from '../../../support/virtual-clock.ts';
import { never } from '../rows.ts';
import type { SimulatedServer } from './simulated-server.ts';

/** Requests that a client would send at once if nobody held it back. */
const EAGER = 100;
const BEAT_MS = 2_000;

/** Processes that send to one server. Those that tell each other of it do so every two seconds, by messages that take their time. */
export class Processes {
  readonly clock: VirtualClock;
  readonly server: SimulatedServer;
  readonly #delayMs: () => number;
  readonly #telling = new Map<string, ServerBudget>();
  #inFlight = 0;

  /** @param delayMs of a message. */
  constructor(clock: VirtualClock, server: SimulatedServer, delayMs: () => number = () => 0) {
    this.clock = clock;
    this.server = server;
    this.#delayMs = delayMs;
  }

  /** Requests of all of them that the server has, and has not answered. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** One more process. @param name under which it tells the others; null: it does not. */
  start(name: string | null, settings: Omit<ShareSettings, 'ceiling'> = {}): Process {
    const budget = new ServerBudget(this.clock);
    let isDead = false;
    const beat = (): void => {
      if (isDead) return;
      const use = budget.exchange();
      this.#tell(name!, (other) => other.heard(name!, use));
      this.clock.at(this.clock.now() + BEAT_MS, beat);
    };
    if (name !== null) {
      this.#telling.set(name, budget);
      this.clock.at(this.clock.now() + BEAT_MS * this.clock.random(), beat);
    }
    const die = (): void => {
      isDead = true;
      if (name !== null) this.#telling.delete(name);
    };
    return {
      join: (more = {}) => this.#user(budget.join({ ceiling: EAGER, ...settings, ...more }), () => isDead),
      die,
      leave: () => {
        die();
        if (name !== null) this.#tell(name, (other) => other.heard(name, null));
      },
    };
  }

  #tell(name: string, message: (other: ServerBudget) => void): void {
    for (const [other, budget] of this.#telling)
      if (other !== name) this.clock.at(this.clock.now() + this.#delayMs(), () => message(budget));
  }

  #user(limiter: Limiter, isDead: () => boolean): User {
    const answered: number[] = [];
    const once = async (): Promise<void> => {
      const came = this.clock.now();
      const permit = await limiter.acquire(never);
      const begun = this.clock.now();
      this.#inFlight += 1;
      const result = await this.server.serve(1);
      this.#inFlight -= 1;
      permit.release({ latencyMs: this.clock.now() - begun, rows: 1, result });
      waited.push(this.clock.now() - came);
      answered.push(this.clock.now());
    };
    const waited: number[] = [];
    const always = async (): Promise<void> => {
      while (!isDead()) await once();
    };
    return {
      limiter,
      sendAlways: () => {
        for (let i = 0; i < EAGER; i += 1) void always();
      },
      sendEvery: (ms) => {
        const next = (): void => {
          if (isDead()) return;
          void once();
          this.clock.at(this.clock.now() + ms(), next);
        };
        next();
      },
      answers: (from, to) => answered.filter((ms) => ms > from && ms <= to).length,
      latency: (quantile, from) => {
        const sorted = waited.filter((_, at) => answered[at]! > from).toSorted((a, b) => a - b);
        return sorted[Math.floor(quantile * (sorted.length - 1))]!;
      },
    };
  }
}

export interface Process {
  /** Somebody in the process who sends. */
  join(settings?: Omit<ShareSettings, 'ceiling'>): User;
  /** Sends and tells nothing any more. */
  die(): void;
  /** The same, and says so. */
  leave(): void;
}

export interface User {
  readonly limiter: Limiter;
  /** As much as it is let. */
  sendAlways(): void;
  /** A request whenever so many milliseconds have passed. */
  sendEvery(ms: () => number): void;
  /** How many were answered from one time to another. */
  answers(from: number, to: number): number;
  /** Milliseconds from the wish to send to the answer, of requests answered after a time. */
  latency(quantile: number, from: number): number;
}
