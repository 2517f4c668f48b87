import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { livenessOf, thisProcess, type WritingProcess } from '../../../src/sdk.ts';
import { sqliteFault } from './sqlite-fault.ts';

/** Who has a lock. */
interface Holder {
  readonly token: string;
  readonly process: WritingProcess;
}

/**
 * Locks as rows of a table, each with the process that has it: SQLite's own last no longer than a transaction. A process that was killed
 * is known by its id and the time of its start, so its locks are free. One on another machine (a shared folder) counts as alive.
 */
export class SqliteLocks {
  readonly #database: DatabaseSync;
  readonly #inTurn: <T>(work: () => T, signal: AbortSignal) => Promise<T>;
  readonly #token = randomUUID();
  readonly #held = new Set<string>();

  /** @param inTurn does what writes when nobody else's transaction is in the way. */
  constructor(database: DatabaseSync, inTurn: <T>(work: () => T, signal: AbortSignal) => Promise<T>) {
    this.#database = database;
    this.#inTurn = inTurn;
  }

  async tryLock(name: string, signal: AbortSignal): Promise<boolean> {
    if (this.#held.has(name)) return true;
    const own: Holder = { token: this.#token, process: await thisProcess() };
    const found = this.#holder(name);
    if (found !== null && (await livenessOf(found.process)) !== 'gone') return false;
    return await this.#inTurn(() => this.#take(name, found, own), signal);
  }

  /** Whether somebody else has it. */
  async isLocked(name: string): Promise<boolean> {
    if (this.#held.has(name)) return false;
    const found = this.#holder(name);
    return found !== null && (await livenessOf(found.process)) !== 'gone';
  }

  /** Gives all locks back. */
  release(): void {
    for (const name of this.#held) {
      this.#database
        .prepare("DELETE FROM sluice_lock WHERE name = ? AND json_extract(holder, '$.token') = ?")
        .run(name, this.#token);
      this.#held.delete(name);
    }
  }

  #holder(name: string): Holder | null {
    const known = this.#database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sluice_lock'").get();
    if (known === undefined) return null;
    const row = this.#database.prepare('SELECT holder FROM sluice_lock WHERE name = ?').get(name);
    return row === undefined ? null : (JSON.parse(String(row.holder)) as Holder);
  }

  /** Whoever else came first has changed the row, which is looked at again within the transaction. */
  #take(name: string, before: Holder | null, own: Holder): boolean {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#database.exec('CREATE TABLE IF NOT EXISTS sluice_lock (name TEXT PRIMARY KEY, holder TEXT NOT NULL)');
      const now = this.#holder(name);
      const free = now === null || now.token === before?.token;
      if (free) {
        this.#database.prepare('INSERT OR REPLACE INTO sluice_lock VALUES (?, ?)').run(name, JSON.stringify(own));
        this.#held.add(name);
      }
      this.#database.exec('COMMIT');
      return free;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw sqliteFault(error);
    }
  }
}
