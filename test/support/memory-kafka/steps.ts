import type { MemoryProcess } from './memory-process.ts';

interface Pending {
  /** Null: a step of the broker, which nobody stops. */
  readonly of: MemoryProcess | null;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Every request, reply and act of the broker is a step. Steps run one at a time in microtasks: in their order, or, with a
 * source of randomness, in any order and with pauses in between. What must keep its order waits for its own steps.
 */
export class Steps {
  readonly #random: (() => number) | null;
  #pending: Pending[] = [];
  #running = false;

  constructor(random: (() => number) | null) {
    this.#random = random;
  }

  /** Whether the order is shuffled. */
  get shuffled(): boolean {
    return this.#random !== null;
  }

  /** Resolves when it is this step's turn; rejects when its process is dead, waits while it is frozen. */
  take(of: MemoryProcess | null): Promise<void> {
    if (of?.dead.aborted === true) return Promise.reject(of.dead.reason);
    return new Promise((resolve, reject) => {
      this.#pending.push({ of, resolve, reject });
      this.wake();
    });
  }

  /** Rejects what a process has under way. */
  drop(of: MemoryProcess): void {
    const [dropped, kept] = [
      this.#pending.filter((step) => step.of === of),
      this.#pending.filter((step) => step.of !== of),
    ];
    this.#pending = kept;
    for (const step of dropped) step.reject(of.dead.reason);
  }

  /** Goes on when something has changed: a new step, or a process that is no longer frozen. */
  wake(): void {
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => this.#run());
  }

  #run(): void {
    const ready = this.#pending.filter((step) => step.of?.frozen !== true);
    if (ready.length === 0) {
      this.#running = false;
      return;
    }
    // A pause lets other work come in between, so that a step may be overtaken by what does not exist yet.
    if (this.#random === null || this.#random() < 0.6) {
      const step = ready[this.#random === null ? 0 : Math.floor(this.#random() * ready.length)]!;
      this.#pending.splice(this.#pending.indexOf(step), 1);
      step.resolve();
    }
    queueMicrotask(() => this.#run());
  }
}
