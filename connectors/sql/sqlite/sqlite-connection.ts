import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { type Clock, decodeRecord, encodeRecords, systemClock, type Value } from '../../../src/sdk.ts';
import type { CanonicalRows, LoadTarget, SqlConnection, SqlRead, SqlValue } from '../driver.ts';
import type { SqlColumn, TableDescription, TableName } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { sqliteDialect as dialect } from './sqlite-dialect.ts';
import { sqliteFault } from './sqlite-fault.ts';
import { SqliteLocks } from './sqlite-lock.ts';
import { describeSqliteTable } from './sqlite-tables.ts';
import { fromSqlite, sqliteColumn, toSqlite } from './sqlite-values.ts';

/** Rows between two looks at what else there is to do: the library works in our own thread. */
const ROWS_AT_ONCE = 500;
/** Statements that are kept compiled: to compile one takes as long as to look a record up. */
const STATEMENTS = 64;
/** Between two looks whether somebody else's transaction has ended. */
const LOOK_MS = 5;

/** One connection to a database in a file. What it does it does at once, so an abort is looked at before and between. */
export class SqliteConnection implements SqlConnection {
  readonly #database: DatabaseSync;
  readonly #locks: SqliteLocks;
  readonly #busyMs: number;
  readonly #clock: Clock;
  /** By their text; the one that was used last comes last. */
  readonly #kept = new Map<string, StatementSync>();

  /** @param busyMs how long somebody else's transaction is waited for; also what SQLite itself waits. */
  constructor(database: DatabaseSync, busyMs: number, clock: Clock = systemClock) {
    this.#database = database;
    this.#busyMs = busyMs;
    this.#clock = clock;
    this.#locks = new SqliteLocks(database, (work, signal) => this.#inTurn(work, signal));
  }

  async execute(sql: string, parameters: readonly SqlValue[], signal: AbortSignal): Promise<number> {
    return this.#do(signal, () => {
      if (parameters.length > 0) return Number(this.#compiled(sql).run(...parameters.map(bound)).changes);
      const before = this.#changes();
      this.#database.exec(sql);
      return this.#changes() - before;
    });
  }

  async query(
    sql: string,
    parameters: readonly SqlValue[],
    signal: AbortSignal,
  ): Promise<readonly (readonly SqlValue[])[]> {
    return this.#do(signal, () => {
      const rows = this.#compiled(sql).all(...parameters.map(bound)) as unknown as SQLInputValue[][];
      return rows.map((row) => row.map((value) => narrowed(fromSqlite(value as never, undefined))));
    });
  }

  async begin(signal: AbortSignal): Promise<void> {
    // A transaction that begins by reading and then writes may find that somebody else has written meanwhile.
    await this.#inTurn(() => this.#database.exec('BEGIN IMMEDIATE'), signal);
  }

  async commit(signal: AbortSignal): Promise<void> {
    await this.execute('COMMIT', [], signal);
  }

  async rollback(signal: AbortSignal): Promise<void> {
    // Some faults end the transaction by themselves.
    if (this.#database.isTransaction) await this.execute('ROLLBACK', [], signal);
  }

  async describeTable(table: TableName, signal: AbortSignal): Promise<TableDescription | null> {
    return this.#do(signal, () => describeSqliteTable(this.#database, table));
  }

  async describeQuery(query: string, signal: AbortSignal): Promise<readonly SqlColumn[]> {
    return this.#do(signal, () => {
      // What cannot stand within another query is none: it may change the database, or write a file.
      this.#database.prepare(`SELECT * FROM (${query}\n)`);
      return this.#database
        .prepare(query)
        .columns()
        .map(({ name, type }) => sqliteColumn(name, type));
    });
  }

  async snapshot(_joined: string | null, signal: AbortSignal): Promise<string | null> {
    await this.execute('BEGIN', [], signal);
    // The snapshot is that of the first read.
    await this.query('SELECT count(*) FROM sqlite_schema', [], signal);
    return null;
  }

  async *read(read: SqlRead, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const rows = this.#do(signal, () => {
      const statement = this.#prepare(selectText(read));
      return statement.iterate() as Iterator<unknown> as Iterator<SQLInputValue[]>;
    });
    try {
      for (;;) {
        await setImmediate();
        const records = this.#do(signal, () => someOf(rows, read.columns));
        if (records.length === 0) return;
        yield encodeRecords(records).bytes;
      }
    } finally {
      rows.return?.();
    }
  }

  async load({ table, columns }: LoadTarget, rows: CanonicalRows, signal: AbortSignal): Promise<void> {
    const names = columns.map(({ name }) => dialect.quote(name)).join(', ');
    const places = columns.map(() => '?').join(', ');
    const insert = this.#do(signal, () =>
      this.#prepare(`INSERT INTO ${dialect.tableName(table)} (${names}) VALUES (${places})`),
    );
    const alone = columns.length === 1;
    for (let row = 0, start = 0; row < rows.ends.length; row += 1) {
      if (row % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate();
      signal.throwIfAborted();
      const end = rows.ends[row]!;
      const values = decodeRecord(rows.bytes, start, end).map((text, at) => toSqlite(text, columns[at]!, alone));
      try {
        insert.run(...values);
      } catch (error) {
        throw sqliteFault(error, row);
      }
      start = end;
    }
  }

  async tryLock(name: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    return await this.#locks.tryLock(name, signal);
  }

  async isLocked(name: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    return await this.#locks.isLocked(name);
  }

  async close(): Promise<void> {
    const { signal } = new AbortController();
    if (this.#database.isOpen) await this.#inTurn(() => this.#giveBack(), signal).catch(() => undefined);
    this.destroy();
  }

  /** Nothing is under way that it would have to wait for. Locks are given back here, too: their process may live on for long. */
  destroy(): void {
    if (!this.#database.isOpen) return;
    try {
      this.#giveBack();
    } catch {
      // The file may be gone, or busy: a lock that stays is known by its process.
    }
    this.#database.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #giveBack(): void {
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    this.#locks.release();
  }

  /**
   * Does what writes, or begins to, when nobody else's transaction is in the way. SQLite's own way of waiting holds our thread, in which that
   * transaction may have to go on: each part of a live topic has its own.
   */
  async #inTurn<T>(work: () => T, signal: AbortSignal): Promise<T> {
    const deadline = this.#clock.now() + this.#busyMs;
    for (;;) {
      try {
        return this.#do(signal, () => this.#withoutWaiting(work));
      } catch (error) {
        const isBusy = error instanceof SqlFault && error.kind === 'conflict';
        if (!isBusy || this.#clock.now() >= deadline) throw error;
      }
      await this.#clock.sleep(LOOK_MS, signal);
    }
  }

  #withoutWaiting<T>(work: () => T): T {
    this.#database.exec('PRAGMA busy_timeout = 0');
    try {
      return work();
    } finally {
      this.#database.exec(`PRAGMA busy_timeout = ${this.#busyMs}`);
    }
  }

  /** For a statement that is through when its call returns. */
  #compiled(sql: string): StatementSync {
    const statement = this.#kept.get(sql) ?? this.#prepare(sql);
    this.#kept.delete(sql);
    this.#kept.set(sql, statement);
    if (this.#kept.size > STATEMENTS) this.#kept.delete(this.#kept.keys().next().value!);
    return statement;
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    // Numbers beyond 2^53 are refused otherwise.
    statement.setReadBigInts(true);
    return statement;
  }

  #changes(): number {
    const [changes] = this.#compiled('SELECT total_changes()').get() as unknown as [bigint];
    return Number(changes);
  }

  #do<T>(signal: AbortSignal, work: () => T): T {
    signal.throwIfAborted();
    try {
      return work();
    } catch (error) {
      throw sqliteFault(error);
    }
  }
}

function selectText({ from, columns, where, orderBy }: SqlRead): string {
  // The order of a query within another one is not promised to anybody.
  if ('query' in from && where === null && orderBy.length === 0) return from.query;
  const source = 'table' in from ? dialect.tableName(from.table) : `(${from.query}\n)`;
  const fields = columns.map(({ name }) => dialect.quote(name)).join(', ');
  const condition = where === null ? '' : ` WHERE ${where}`;
  const order = orderBy.length === 0 ? '' : ` ORDER BY ${orderBy.map((name) => dialect.quote(name)).join(', ')}`;
  return `SELECT ${fields} FROM ${source}${condition}${order}`;
}

function someOf(rows: Iterator<SQLInputValue[]>, columns: readonly SqlColumn[]): Value[][] {
  const records: Value[][] = [];
  while (records.length < ROWS_AT_ONCE) {
    const next = rows.next();
    if (next.done === true) break;
    records.push(columns.map(({ type }, at) => fromSqlite(next.value[at] as never, type)));
  }
  return records;
}

function bound(value: SqlValue): SQLInputValue {
  return typeof value === 'boolean' ? Number(value) : value;
}

/** Whole numbers come as bigint where they may be too large for a number. */
function narrowed(value: Value): SqlValue {
  return typeof value === 'bigint' && value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
    ? Number(value)
    : value;
}
