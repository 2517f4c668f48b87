import type { SqlDialect } from './dialect.ts';
import type { SqlColumn, TableDescription, TableName } from './sql-column.ts';

/** A parameter of a statement, or a cell of a small result. */
export type SqlValue = string | number | bigint | boolean | null;

/** What to read: whole columns, in canonical CSV. */
export interface SqlRead {
  /** A table, or a query that stands for one. */
  readonly from: { readonly table: TableName } | { readonly query: string };
  /** Those of the table that are wanted, in the order of the fields; all of a query. */
  readonly columns: readonly SqlColumn[];
  /** A condition, in the dialect, without parameters. */
  readonly where: string | null;
  /** Ascending by these. A query without `where` and `orderBy` is run in such a way that its own ORDER BY holds. */
  readonly orderBy: readonly string[];
}

/** Rows of canonical CSV. */
export interface CanonicalRows {
  readonly bytes: Uint8Array;
  /** Offset just past each record's LF. */
  readonly ends: Uint32Array;
}

/** Where rows are loaded to. */
export interface LoadTarget {
  readonly table: TableName;
  /** The columns of the fields, in their order. */
  readonly columns: readonly SqlColumn[];
}

/** Opens connections to one database. Knows its address and who asks; holds nothing. */
export interface SqlDriver {
  /** For people: `PostgreSQL`. */
  readonly product: string;
  /** Where it is, for people and for a job's identity: `db.example:5432/sales`. Without user and password. */
  readonly place: string;
  readonly dialect: SqlDialect;
  /** Rejects with a SqlFault of kind `connection`, `access` or `missing`; soon after the signal aborts with its reason. */
  connect(signal: AbortSignal): Promise<SqlConnection>;
}

/**
 * One connection. Its methods are called one at a time, `close` and `destroy` excepted. All reject with a SqlFault, or with the
 * reason of the signal soon after it aborts; the connection may then be of no more use but for `close`. Without `begin` each
 * statement is a transaction of its own.
 */
export interface SqlConnection extends AsyncDisposable {
  /** Runs one statement; the number of rows that it changed, 0 where there are none to count. */
  execute(sql: string, parameters: readonly SqlValue[], signal: AbortSignal): Promise<number>;
  /** Runs a query whose result is small. Whole numbers that do not fit a number come as bigint or text, all else that has no own type as text. */
  query(sql: string, parameters: readonly SqlValue[], signal: AbortSignal): Promise<readonly (readonly SqlValue[])[]>;
  /** Begins a transaction that reads and writes. */
  begin(signal: AbortSignal): Promise<void>;
  /** A fault of kind `connection` leaves open whether the transaction is done. */
  commit(signal: AbortSignal): Promise<void>;
  rollback(signal: AbortSignal): Promise<void>;
  /** The schema of tables that are named without one, in databases that have schemas; left out by the others. */
  currentSchema?(signal: AbortSignal): Promise<string | null>;
  /** What a table is like; null when there is none, or none that this user may see. */
  describeTable(table: TableName, signal: AbortSignal): Promise<TableDescription | null>;
  /** The columns of a query's result, without running it where the database can say so. */
  describeQuery(query: string, signal: AbortSignal): Promise<readonly SqlColumn[]>;
  /**
   * Begins a transaction in which every read sees the same state of the database, and gives what other connections join it by, or null
   * where they cannot: then this connection alone reads. Ended by `rollback` or `close`.
   * @param joined what another connection was given; this one then sees the same as that one, which must still be in its snapshot.
   */
  snapshot(joined: string | null, signal: AbortSignal): Promise<string | null>;
  /**
   * The rows as canonical CSV (null an empty field, the empty string `""`, `true` and `false`, ISO 8601 dates with a space or a T before the time; a record of one null is
   * `""`), in chunks that may be used again once the next is asked for. Slow readers slow down the database. Returning early ends the query.
   */
  read(read: SqlRead, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Inserts rows, all of them or (by a fault, within a transaction) an unknown part that the caller undoes. An empty field is null, and
   * so is `""` in a column that holds no empty text. A fault of kind `row` says which row it was where the database does.
   */
  load(target: LoadTarget, rows: CanonicalRows, signal: AbortSignal): Promise<void>;
  /**
   * Takes a lock that all users of this database share, for as long as this connection lives; false when somebody else has it. Gone when the process is killed.
   * @param name any text.
   */
  tryLock(name: string, signal: AbortSignal): Promise<boolean>;
  /** Whether somebody else has that lock; makes nothing. Left out where `tryLock` itself leaves nothing behind. */
  isLocked?(name: string, signal: AbortSignal): Promise<boolean>;
  /** Gives everything back; open transactions are undone. Never rejects. At once after `destroy`. */
  close(): Promise<void>;
  /** Ends the connection at once, whatever it is doing; what is under way rejects. */
  destroy(): void;
}
