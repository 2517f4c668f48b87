import { SluiceError } from '../core/error.ts';

/** Lets so many prediction requests in at the same time, whatever their protocol, and refuses the others. */
export class RequestGate {
  readonly #most: number;
  #inside = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Throws SERVER_OVERLOADED (429) when it is full. */
  async through<T>(work: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#most) {
      const problem = `The server works on ${this.#most} requests already; try again later.`;
      throw new SluiceError('SERVER_OVERLOADED', problem, { status: 429, waitMs: 1000 });
    }
    this.#inside += 1;
    try {
      return await work();
    } finally {
      this.#inside -= 1;
    }
  }
}
