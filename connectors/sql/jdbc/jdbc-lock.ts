import { createHash } from 'node:crypto';
import type { SqlConnection } from '../driver.ts';
import { SqlFault } from '../sql-fault.ts';

/** Takes what keeps others out, and gives it back. */
export interface JdbcLock {
  take(connection: SqlConnection, name: string, signal: AbortSignal): Promise<boolean>;
  /** Whether somebody else has it; makes nothing. */
  isTaken(connection: SqlConnection, name: string, signal: AbortSignal): Promise<boolean>;
  release(): Promise<void>;
}

/** The words of a database for locks that have names. */
interface NamedLockWords {
  /** Says whether it was given. */
  readonly take: string;
  readonly release: string;
  /** The one parameter of both. */
  readonly parameter: (name: string) => string | number;
}

/** A lock by a function of the database; it ends with the connection. */
export function namedLock(words: NamedLockWords): JdbcLock {
  const held: (() => Promise<unknown>)[] = [];
  const take: JdbcLock['take'] = async (connection, name, signal) => {
    const parameters = [words.parameter(name)];
    const [[taken] = []] = await connection.query(words.take, parameters, signal);
    if (taken !== true && Number(taken) !== 1) return false;
    held.push(() => connection.query(words.release, parameters, AbortSignal.timeout(2000)));
    return true;
  };
  return {
    take,
    // Such a lock leaves nothing in the database, and goes with the connection.
    isTaken: async (connection, name, signal) => !(await take(connection, name, signal)),
    // The server gives it back by itself, but some time after the connection has ended.
    release: async () => {
      await Promise.allSettled(held.splice(0).map((give) => give()));
    },
  };
}

/** The table whose rows are held. */
export const LOCK_TABLE = 'sluice_locks';

/**
 * A lock for databases without named ones: a row of a table of ours, changed in a transaction that a connection of its own leaves open
 * for as long as the lock is wanted. When the process dies the database rolls it back.
 */
export function rowLock(connect: (signal: AbortSignal) => Promise<SqlConnection>, words: RowLockWords): JdbcLock {
  const held: SqlConnection[] = [];
  return {
    take: async (_connection, name, signal) => {
      const id = idOf(name);
      const holder = await connect(signal);
      try {
        if (await holds(holder, id, words, signal)) {
          held.push(holder);
          return true;
        }
        await holder.close();
        return false;
      } catch (error) {
        await holder.close();
        throw error;
      }
    },
    isTaken: async (connection, name, signal) => {
      const there = await connection.describeTable({ catalog: null, schema: null, name: LOCK_TABLE }, signal);
      if (there === null) return false;
      await connection.begin(signal);
      try {
        await words.change(connection, changeOf(words), idOf(name), signal);
        return false;
      } catch (error) {
        if (error instanceof SqlFault && error.kind === 'conflict') return true;
        throw error;
      } finally {
        await connection.rollback(signal);
      }
    },
    release: async () => {
      await Promise.all(held.splice(0).map((holder) => holder.close()));
    },
  };
}

interface RowLockWords {
  /** The table's name, in quotes. */
  readonly table: string;
  readonly keyText: string;
  /** A statement that gives up after a second instead of waiting for another's transaction. */
  readonly change: (connection: SqlConnection, sql: string, id: string, signal: AbortSignal) => Promise<number>;
}

function idOf(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 32);
}

function changeOf({ table }: RowLockWords): string {
  return `UPDATE ${table} SET holders = holders + 1 WHERE id = ?`;
}

async function holds(holder: SqlConnection, id: string, words: RowLockWords, signal: AbortSignal): Promise<boolean> {
  const { table, keyText, change } = words;
  const there = await holder.describeTable({ catalog: null, schema: null, name: LOCK_TABLE }, signal);
  // Two may make it, or its row, at once: what counts is that it is there afterwards.
  if (there === null)
    await tried(
      holder.execute(`CREATE TABLE ${table} (id ${keyText} NOT NULL PRIMARY KEY, holders integer)`, [], signal),
    );
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await holder.begin(signal);
    try {
      if ((await change(holder, changeOf(words), id, signal)) > 0) return true;
    } catch (error) {
      await holder.rollback(signal);
      if (error instanceof SqlFault && error.kind === 'conflict') return false;
      throw error;
    }
    await holder.rollback(signal);
    await tried(holder.execute(`INSERT INTO ${table} (id, holders) VALUES (?, 0)`, [id], signal));
  }
  return false;
}

async function tried(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof SqlFault) || error.kind === 'connection' || error.kind === 'access') throw error;
  }
}
