import type { ConnectionGuard } from '../../src/sdk.ts';

/** How one database is reached. */
export interface SqlAccess {
  /** `jdbc:postgresql://host:5432/database?ssl=true`; may hold a user and a password. */
  readonly jdbcUrl: string;
  /** Take the place of those in the address. */
  readonly user: string | null;
  readonly password: string | null;
  /** How long to wait for a connection, in milliseconds. */
  readonly connectMs: number;
  /** Rows that are fetched at once, where a driver wants to know; null: its own choice. */
  readonly fetchSize: number | null;
  /** For databases without a driver of our own: the JDBC driver's JAR files, and its class where it does not announce itself. */
  readonly jars: readonly string[];
  readonly driverClass: string | null;
  /** Nothing may be made on the way, whatever the address says: no file, no other journal. */
  readonly readsOnly?: true;
  /** Asked before every connection to a host; with one there are no databases in files and none behind a JDBC driver, which cannot be held to it. */
  readonly guard?: ConnectionGuard;
}
