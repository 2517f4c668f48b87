/** What went wrong at a database, by what is to be done about it. */
export type SqlFaultKind =
  /** No connection, or it was lost, or the server goes down or has no room for one more: connect again. The transaction's fate is unknown if it was in its commit. */
  | 'connection'
  /** A deadlock, a serialisation failure, a lock that was waited for too long: the transaction is undone, do it again. */
  | 'conflict'
  /** The rows: a constraint, a type, a length, a character. The others may go in. */
  | 'row'
  /** Wrong user or password, or no right to do it. */
  | 'access'
  /** There is no such database, schema, table or column. */
  | 'missing'
  /** The database's disk is full. */
  | 'full'
  /** All else: a query with an error in it, a feature that the database lacks. */
  | 'statement';

/** Facts that a driver adds. */
export interface SqlFaultFacts {
  readonly cause?: unknown;
  /** For `row`: the index, among the rows that were loaded, of the first that is bad; where the database says so. */
  readonly row?: number | undefined;
  /** For `missing`: what is not there. */
  readonly what?: 'database' | 'schema' | 'table' | 'column' | undefined;
}

/** An error of a database, told apart by its driver. Source and sink make a SluiceError of it, which can say which setting it is about. */
export class SqlFault extends Error {
  readonly kind: SqlFaultKind;
  readonly row: number | undefined;
  readonly what: SqlFaultFacts['what'];

  /** @param message the database's own words, in one line, never with a password. */
  constructor(kind: SqlFaultKind, message: string, { cause, row, what }: SqlFaultFacts = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SqlFault';
    this.kind = kind;
    this.row = row;
    this.what = what;
  }
}
