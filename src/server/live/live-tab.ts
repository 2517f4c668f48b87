import { type Caller, mayLookAt } from '../../jobs/queue/caller.ts';
import type { JobRecord } from '../../jobs/queue/job-record.ts';

/** Where the events of one open page go. */
export interface LiveConnection {
  /** False: what was written waits, and no more should be. */
  write(text: string): boolean;
  end(): void;
  /** Resolves when more may be written, or the connection is closed. */
  drained(): Promise<void>;
  readonly closed: AbortSignal;
}

/** One open page. What it is too slow for it does not get: it is given a new snapshot when it has read what it has. */
export class LiveTab {
  readonly caller: Caller;
  /** Tabs with the same audience see the same jobs; null sees all. */
  readonly audience: string | null;
  readonly #connection: LiveConnection;
  /** What came while the snapshot was made; null once it was sent. */
  #held: string[] | null = [];
  #isFull = false;
  #hasMissed = false;

  constructor(connection: LiveConnection, caller: Caller) {
    this.#connection = connection;
    this.caller = caller;
    this.audience = caller.role === 'admin' ? null : caller.user.userId;
  }

  maySee(record: JobRecord): boolean {
    return mayLookAt(record, this.caller);
  }

  begin(): void {
    this.#held = [];
    this.#hasMissed = false;
  }

  /** Sends the snapshot, then what came meanwhile. */
  greet(snapshot: string): void {
    const held = this.#held ?? [];
    this.#held = null;
    this.#isFull = !this.#connection.write([snapshot, ...held].join(''));
  }

  send(text: string): void {
    if (text === '' || this.#connection.closed.aborted) return;
    if (this.#held !== null) this.#held.push(text);
    else if (this.#isFull) this.#hasMissed = true;
    else this.#isFull = !this.#connection.write(text);
  }

  /** Waits until the page has read what was sent, as long as it reads; whether it has missed anything then. False: the connection is closed. */
  async hasFallenBehind(): Promise<boolean> {
    const { closed } = this.#connection;
    while (!closed.aborted) {
      await this.#connection.drained();
      this.#isFull = false;
      if (this.#hasMissed) return !closed.aborted;
    }
    return false;
  }

  end(): void {
    this.#connection.end();
  }
}
