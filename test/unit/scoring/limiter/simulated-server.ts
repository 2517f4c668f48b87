import type { VirtualClock } from '../../../support/virtual-clock.ts';

/** Milliseconds after which a server that has no room says so. */
const REFUSED_AFTER_MS = 5;

export interface ServerSettings {
  /** Requests that are worked on at once, as of a time in milliseconds. */
  readonly workers: (ms: number) => number;
  /** Milliseconds of a worker for a request of so many rows, without jitter. */
  readonly service: (rows: number) => number;
  /** A request takes service · (1 + jitter · Exp(1)). Default 0. */
  readonly jitter?: number;
  /** Requests that may be there at once, in work and waiting; what is beyond is refused. Default: all wait. */
  readonly room?: (ms: number) => number;
}

/** A prediction server in virtual time: workers, and one line in front of them. */
export class SimulatedServer {
  readonly #clock: VirtualClock;
  readonly #settings: ServerSettings;
  readonly #line: (() => void)[] = [];
  #busy = 0;
  #inside = 0;
  #busyMs = 0;
  #workerMs = 0;
  #seen = 0;

  constructor(clock: VirtualClock, settings: ServerSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Workers that had work, as a share of all, since the beginning. */
  get utilisation(): number {
    this.#look();
    return this.#busyMs / this.#workerMs;
  }

  /** Answers, or refuses. */
  async serve(rows: number): Promise<'ok' | 'overload'> {
    const { room, service, jitter = 0 } = this.#settings;
    const clock = this.#clock;
    if (room !== undefined && this.#inside >= room(clock.now())) {
      await this.#after(REFUSED_AFTER_MS);
      return 'overload';
    }
    this.#inside += 1;
    const ms = service(rows) * (jitter === 0 ? 1 : 1 + jitter * clock.exponential());
    const turn = new Promise<void>((resolve) => this.#line.push(resolve));
    this.work();
    await turn;
    await this.#after(ms);
    this.#look();
    this.#busy -= 1;
    this.#inside -= 1;
    this.work();
    return 'ok';
  }

  /** Gives work to the workers that have none; also when there are more of them all at once. */
  work(): void {
    this.#look();
    while (this.#busy < this.#settings.workers(this.#clock.now())) {
      const next = this.#line.shift();
      if (next === undefined) return;
      this.#busy += 1;
      next();
    }
  }

  #look(): void {
    const now = this.#clock.now();
    const workers = this.#settings.workers(this.#seen);
    this.#busyMs += Math.min(this.#busy, workers) * (now - this.#seen);
    this.#workerMs += workers * (now - this.#seen);
    this.#seen = now;
  }

  #after(ms: number): Promise<void> {
    return new Promise((resolve) => this.#clock.at(this.#clock.now() + ms, resolve));
  }
}
