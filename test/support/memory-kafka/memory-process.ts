import { setMaxListeners } from 'node:events';
import type { Steps } from './steps.ts';

/** What a client stands for: a process that can be stopped for a while, and killed. */
export class MemoryProcess {
  readonly name: string;
  /** While true, none of its requests goes on. */
  frozen = false;
  /** Counts the times that it was frozen, so that a time-out knows which one it belongs to. */
  freezes = 0;
  /** How many markers of its next commit are written before the others are lost; null: none is lost. */
  losesMarkers: number | null = null;
  readonly #steps: Steps;
  readonly #dead = new AbortController();

  constructor(name: string, steps: Steps) {
    this.name = name;
    this.#steps = steps;
    // Everything that waits listens to it.
    setMaxListeners(0, this.#dead.signal);
  }

  /** Aborts when it was killed. */
  get dead(): AbortSignal {
    return this.#dead.signal;
  }

  /** Stopped or dead, while a request that it had sent before may still take effect. */
  get silent(): boolean {
    return this.frozen || this.dead.aborted;
  }

  kill(reason: Error): void {
    this.#dead.abort(reason);
    this.#steps.drop(this);
  }

  /** One request or reply of this process. */
  step(): Promise<void> {
    return this.#steps.take(this);
  }
}
