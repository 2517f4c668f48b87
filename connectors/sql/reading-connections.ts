import type { Clock } from '../../src/sdk.ts';
import type { SqlConnection, SqlDriver } from './driver.ts';
import { connectPatiently } from './patient-connection.ts';

/**
 * Connections that see one state of the database: the first one, which holds the snapshot, and others that join it. Where a database cannot
 * share a snapshot there is the first one only.
 */
export class ReadingConnections implements AsyncDisposable {
  readonly #connect: (signal: AbortSignal) => Promise<SqlConnection>;
  readonly #first: SqlConnection;
  readonly #snapshot: string | null;
  /** Those that read nothing now. */
  readonly #idle: SqlConnection[];
  readonly #all: Set<SqlConnection>;

  private constructor(
    connect: (signal: AbortSignal) => Promise<SqlConnection>,
    first: SqlConnection,
    snapshot: string | null,
  ) {
    this.#connect = connect;
    this.#first = first;
    this.#snapshot = snapshot;
    this.#idle = snapshot === null ? [first] : [];
    this.#all = new Set([first]);
  }

  static async open(
    driver: SqlDriver,
    patienceMs: number,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<ReadingConnections> {
    const connect = (until: AbortSignal): Promise<SqlConnection> => connectPatiently(driver, patienceMs, clock, until);
    const first = await connect(signal);
    try {
      return new ReadingConnections(connect, first, await first.snapshot(null, signal));
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  /** The one that nobody has to wait for, to look at tables. Not while it reads. */
  get first(): SqlConnection {
    return this.#first;
  }

  /** Whether more than one can read at once. */
  get areSeveral(): boolean {
    return this.#snapshot !== null;
  }

  /** One to read with, until `give`. */
  async take(signal: AbortSignal): Promise<SqlConnection> {
    const idle = this.#idle.pop();
    if (idle !== undefined || this.#snapshot === null) return idle ?? this.#first;
    const connection = await this.#connect(signal);
    this.#all.add(connection);
    try {
      await connection.snapshot(this.#snapshot, signal);
      return connection;
    } catch (error) {
      this.#all.delete(connection);
      await connection.close();
      throw error;
    }
  }

  /** @param whole whether it has read to the end; one that has not is of no more use. */
  async give(connection: SqlConnection, whole: boolean): Promise<void> {
    if (whole) this.#idle.push(connection);
    else if (connection !== this.#first) {
      this.#all.delete(connection);
      await connection.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all].map((connection) => connection.close()));
  }
}
