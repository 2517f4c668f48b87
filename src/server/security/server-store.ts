import type { SqlDialect } from '../../../connectors/sql/dialect.ts';
import type { SqlValue } from '../../../connectors/sql/driver.ts';

/** What may be done with the store of a server in one go. */
export interface StoreStatements {
  execute(sql: string, parameters?: readonly SqlValue[]): Promise<number>;
  query(sql: string, parameters?: readonly SqlValue[]): Promise<readonly (readonly SqlValue[])[]>;
}

/** Where a server keeps its tables. */
export interface ServerStore {
  readonly dialect: SqlDialect;
  /** Statements that each are a transaction of their own. */
  use<T>(work: (store: StoreStatements) => Promise<T>): Promise<T>;
}
