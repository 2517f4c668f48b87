import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SqlDialect } from '../../../../connectors/sql/dialect.ts';
import type { SqlConnection, SqlDriver, SqlValue } from '../../../../connectors/sql/driver.ts';
import { sqlDriver } from '../../../../connectors/sql/sql-drivers.ts';
import { SqlFault } from '../../../../connectors/sql/sql-fault.ts';
import { SluiceError } from '../../../core/error.ts';
import type { StoreAddress } from './store-address.ts';

const SQLITE = 'SQLite';
/** When SQLite flushes what a transaction has written to its log: with the next checkpoint, or at once. */
const SOON = 'PRAGMA synchronous = NORMAL';
const AT_ONCE = 'PRAGMA synchronous = FULL';
/** PostgreSQL takes a transaction back that its server does not go on with: what one locks that is gone without a word, all others wait for. */
const GO_ON = "SET idle_in_transaction_session_timeout = '10s'";

/** How often a table is tried to be made. */
const TRIES = 5;

/** What may be done with a store in one go. */
export interface StoreStatements {
  /**
   * Survives a crash of this process; that of the machine only in PostgreSQL, and as soon as something that is done `durably` follows: a
   * flush of the disk for every small change would cost more than all else that a small job does.
   */
  execute(sql: string, parameters?: readonly SqlValue[]): Promise<number>;
  /** Survives a crash of the machine, too. Not within a transaction. */
  executeDurably(sql: string, parameters?: readonly SqlValue[]): Promise<number>;
  query(sql: string, parameters?: readonly SqlValue[]): Promise<readonly (readonly SqlValue[])[]>;
}

/**
 * The one connection of a process to its store, for all who work with it: one after the other, each alone. A connection that was lost is
 * made anew for the next one; whoever had it gets DATABASE_UNREACHABLE and does not know whether his last change is in.
 */
export class StoreSession implements AsyncDisposable {
  readonly dialect: SqlDialect;
  readonly #driver: SqlDriver;
  readonly #closing = new AbortController();
  #connection: SqlConnection | null = null;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(driver: SqlDriver) {
    this.#driver = driver;
    this.dialect = driver.dialect;
  }

  static async open({ access, file }: Pick<StoreAddress, 'access' | 'file'>): Promise<StoreSession> {
    if (file !== undefined) await makePrivate(file);
    return new StoreSession(await sqlDriver(access));
  }

  /** Statements that each are a transaction of their own. */
  use<T>(work: (store: StoreStatements) => Promise<T>): Promise<T> {
    return this.#alone(async (connection, signal) => work(this.#statements(connection, signal)));
  }

  /** One transaction; undone when `work` throws. */
  transaction<T>(work: (store: StoreStatements) => Promise<T>): Promise<T> {
    return this.#alone(async (connection, signal) => {
      await connection.begin(signal);
      try {
        const result = await work(this.#statements(connection, signal));
        await connection.commit(signal);
        return result;
      } catch (error) {
        await connection.rollback(signal).catch(() => undefined);
        throw error;
      }
    });
  }

  /**
   * Makes tables where they are not there, each statement by itself: in one transaction they would hold locks that servers at work wait for in
   * another order. Several servers may begin at the same moment, and PostgreSQL lets one of two that make the same table fail: it tries again.
   */
  makeTables(make: (store: StoreStatements) => Promise<void>): Promise<void> {
    return this.use((store) =>
      make({ ...store, execute: (sql, parameters) => untilMade(() => store.execute(sql, parameters)) }),
    );
  }

  /** For as long as this session and its connection live. False: somebody else has it. */
  tryLock(name: string): Promise<boolean> {
    return this.#alone((connection, signal) => connection.tryLock(name, signal));
  }

  async close(): Promise<void> {
    await this.#last.catch(() => undefined);
    this.#closing.abort(new SluiceError('JOB_INTERRUPTED', 'the server is being stopped'));
    await this.#connection?.close();
    this.#connection = null;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #alone<T>(work: (connection: SqlConnection, signal: AbortSignal) => Promise<T>): Promise<T> {
    const mine = this.#last.then(async () => {
      const { signal } = this.#closing;
      signal.throwIfAborted();
      try {
        this.#connection ??= await this.#connect(signal);
        return await work(this.#connection, signal);
      } catch (error) {
        throw await this.#told(error);
      }
    });
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  async #connect(signal: AbortSignal): Promise<SqlConnection> {
    const connection = await this.#driver.connect(signal);
    await connection.execute(this.#driver.product === SQLITE ? SOON : GO_ON, [], signal);
    return connection;
  }

  #statements(connection: SqlConnection, signal: AbortSignal): StoreStatements {
    const execute: StoreStatements['execute'] = (sql, parameters = []) => connection.execute(sql, parameters, signal);
    const executeDurably: StoreStatements['execute'] = async (sql, parameters) => {
      await execute(AT_ONCE);
      try {
        return await execute(sql, parameters);
      } finally {
        await execute(SOON);
      }
    };
    return {
      execute,
      executeDurably: this.#driver.product === SQLITE ? executeDurably : execute,
      query: (sql, parameters = []) => connection.query(sql, parameters, signal),
    };
  }

  async #told(error: unknown): Promise<unknown> {
    if (!(error instanceof SqlFault)) return error;
    const lost = this.#connection;
    if (error.kind === 'connection') {
      this.#connection = null;
      await lost?.close();
    }
    const code = error.kind === 'connection' || error.kind === 'conflict' ? 'DATABASE_UNREACHABLE' : 'DATABASE_FAULT';
    return new SluiceError(code, `the store of the server's jobs (${this.#driver.place}): ${error.message}`, {
      cause: error,
      status: code === 'DATABASE_UNREACHABLE' ? 503 : 500,
    });
  }
}

async function untilMade<T>(make: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await make();
    } catch (error) {
      if (tries === TRIES || !(error instanceof SqlFault) || error.kind === 'connection') throw error;
    }
  }
}

/** Makes the file of a store where it is not there, in such a way that no other user of the machine can read it. */
async function makePrivate(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(file, 'a', 0o600);
  await handle.close();
}
