import { type Clock, SluiceError } from '../../src/sdk.ts';
import { databaseError } from './database-error.ts';
import type { SqlConnection, SqlDriver } from './driver.ts';
import { connectPatiently } from './patient-connection.ts';
import { SqlFault } from './sql-fault.ts';

/** What a session does at certain moments. */
export interface SessionEvents {
  /** The lock that keeps other runs out, for messages too. */
  readonly lockName: (connection: SqlConnection, signal: AbortSignal) => Promise<string>;
  /** A new connection has the lock: what was in doubt is looked at, what belongs to a connection is made. */
  readonly onConnected: (connection: SqlConnection, signal: AbortSignal) => Promise<void>;
  /** The open transaction is undone. */
  readonly onUndone: () => void;
}

/** How often work is done again after deadlocks or lost connections, one right after the other. */
const MOST_TRIES = 8;
const FIRST_WAIT_MS = 20;
/** How long a lock is waited for: a run that has just ended may still have it. */
const LOCK_MS = 2000;
const LOCK_WAIT_MS = 50;

/** The one connection of an output, with its lock and its transaction; another one when it is lost. */
export class OutputSession {
  readonly #driver: SqlDriver;
  readonly #patienceMs: number;
  readonly #clock: Clock;
  readonly #events: SessionEvents;
  #connection: SqlConnection | null = null;
  #wasConnected = false;
  #inTransaction = false;

  constructor(driver: SqlDriver, patienceMs: number, clock: Clock, events: SessionEvents) {
    this.#driver = driver;
    this.#patienceMs = patienceMs;
    this.#clock = clock;
    this.#events = events;
  }

  /** The connection, which has the lock, if there is one. */
  get current(): SqlConnection | null {
    return this.#connection;
  }

  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  async begin(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    if (this.#inTransaction) return;
    await connection.begin(signal);
    this.#inTransaction = true;
  }

  async commit(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    await connection.commit(signal);
    this.#inTransaction = false;
  }

  async rollback(signal: AbortSignal): Promise<void> {
    const connection = this.#connection;
    if (connection === null || !this.#inTransaction) return;
    this.#inTransaction = false;
    await connection.rollback(signal);
  }

  /** Does work, and does it again, from the start of its transaction, after a deadlock or a lost connection. @param doing for messages. */
  async insist<T>(doing: string, work: (connection: SqlConnection) => Promise<T>, signal: AbortSignal): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await work(await this.#ready(doing, signal));
      } catch (error) {
        const again = await this.#undo(error, signal);
        if (!again || tries >= MOST_TRIES) throw databaseError(error, { driver: this.#driver, doing });
        await this.#clock.sleep(FIRST_WAIT_MS * 2 ** tries * (0.5 + this.#clock.random() / 2), signal);
      }
    }
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    this.#inTransaction = false;
    await connection?.close();
  }

  /** Gets rid of the transaction that failed; whether the work may be done again. */
  async #undo(error: unknown, signal: AbortSignal): Promise<boolean> {
    const kind = error instanceof SqlFault ? error.kind : null;
    if (signal.aborted || kind === 'connection') {
      this.#connection?.destroy();
      await this.close();
      this.#events.onUndone();
      signal.throwIfAborted();
      return true;
    }
    if (this.#inTransaction) {
      this.#events.onUndone();
      try {
        await this.rollback(signal);
      } catch {
        await this.close();
      }
    }
    return kind === 'conflict';
  }

  async #ready(doing: string, signal: AbortSignal): Promise<SqlConnection> {
    if (this.#connection !== null) return this.#connection;
    const connection = await connectPatiently(this.#driver, this.#patienceMs, this.#clock, signal).catch(
      (error: unknown) => {
        signal.throwIfAborted();
        // It was tried for long enough.
        throw databaseError(error, { driver: this.#driver, doing });
      },
    );
    try {
      await this.#lock(connection, signal);
      await this.#events.onConnected(connection, signal);
    } catch (error) {
      // Without the lock, or where another run has been, it must not be taken for ours: not even to give something back.
      await connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#wasConnected = true;
    return connection;
  }

  /** The server may take a while to notice that our own connection of before is gone, which has the lock. */
  async #lock(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const name = await this.#events.lockName(connection, signal);
    const deadline = this.#clock.now() + (this.#wasConnected ? Math.max(LOCK_MS, this.#patienceMs) : LOCK_MS);
    while (!(await connection.tryLock(name, signal))) {
      if (this.#clock.now() >= deadline) {
        throw new SluiceError(
          'OUTPUT_LOCKED',
          `${name} at ${this.#driver.place} is being written by another run (or the last statement of one that was killed still runs there). ` +
            'Wait for it, or stop it.',
        );
      }
      await this.#clock.sleep(LOCK_WAIT_MS, signal);
    }
  }
}
