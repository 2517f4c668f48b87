import { connect } from 'node:net';
import {
  type Connection,
  createConnection,
  type FieldPacket,
  type Query,
  type QueryOptions,
  type ResultSetHeader,
} from 'mysql2';
import { findSluiceError, SluiceError } from '../../../src/sdk.ts';
import { SqlFault } from '../sql-fault.ts';
import { mysqlFault } from './mysql-fault.ts';
import type { MysqlSettings } from './mysql-options.ts';

/** What an answer to a statement is: rows of cells, or what the statement did. */
export type Answer = ResultSetHeader | readonly (readonly unknown[])[];

/**
 * The library's connection with promises that settle: it forgets the callbacks of what is under way when a connection is
 * destroyed. Errors come out as SqlFault.
 */
export class MysqlLink {
  readonly connection: Connection;
  readonly #lost = Promise.withResolvers<never>();
  #destroyed = false;

  private constructor(connection: Connection) {
    this.connection = connection;
    this.#lost.promise.catch(() => undefined);
    connection.on('error', (error: Error) => this.#lost.reject(mysqlFault(error)));
    connection.on('end', () => this.#lost.reject(new SqlFault('connection', 'the connection has ended')));
  }

  /** Tries the hosts in their order. Gives up soon after the signal aborts. */
  static async open({ hosts, options, guard }: MysqlSettings, signal: AbortSignal): Promise<MysqlLink> {
    let last: unknown = new SluiceError('CONFIG_INVALID', 'jdbcUrl names no host.');
    for (const { host, port: given } of hosts) {
      signal.throwIfAborted();
      const port = given ?? 3306;
      const lookup = guard?.(host, port);
      // A socket that is given to the library is not set up by it.
      const guarded =
        lookup === undefined ? {} : { stream: () => connect({ host, port, lookup, noDelay: true, keepAlive: true }) };
      // The options are not the library's to change.
      const connection = createConnection({ ...options, host, port, ...guarded });
      const link = new MysqlLink(connection);
      try {
        await link.under(
          new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve()))),
          signal,
        );
        return link;
      } catch (error) {
        link.destroy();
        if (signal.aborted) throw error;
        const refused = findSluiceError(error);
        if (refused !== undefined) throw refused;
        last = error;
      }
    }
    throw last;
  }

  /** Runs one statement: as text without parameters, else prepared, so that nothing in them can be taken for SQL. */
  run(
    sql: string,
    parameters: readonly (string | number | null)[],
    signal: AbortSignal,
    more: Partial<QueryOptions> = {},
  ): Promise<Answer> {
    return this.under(
      new Promise<Answer>((resolve, reject) => {
        const done = (error: Error | null, answer: unknown): void =>
          error ? reject(error) : resolve(answer as Answer);
        if (parameters.length === 0) this.connection.query({ sql, ...more }, done);
        else this.connection.execute({ sql, ...more }, [...parameters], done);
      }),
      signal,
    );
  }

  /** The columns of a statement's result, which is not run. */
  fields(sql: string, signal: AbortSignal): Promise<readonly FieldPacket[]> {
    return this.under(
      new Promise<readonly FieldPacket[]>((resolve, reject) => {
        this.connection.prepare(sql, (error, statement) => {
          if (error) return reject(error);
          resolve((statement as unknown as { readonly columns: readonly FieldPacket[] }).columns);
          statement.close();
        });
      }),
      signal,
    );
  }

  /** A query whose rows come as events. */
  rows(sql: string, prepared: boolean): Query {
    if (prepared) return this.connection.execute({ sql, rowsAsArray: true });
    // Without casts a cell is the bytes that the server sent.
    return this.connection.query({ sql, rowsAsArray: true, typeCast: false });
  }

  /** What the work gives; rejects when the connection is lost, and, having ended it, when the signal aborts. */
  async under<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
    const aborted = Promise.withResolvers<never>();
    const stop = (): void => {
      this.destroy();
      aborted.reject(signal!.reason);
    };
    work.catch(() => undefined);
    aborted.promise.catch(() => undefined);
    if (signal?.aborted === true) stop();
    signal?.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([aborted.promise, work, this.#lost.promise]);
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : mysqlFault(error);
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#lost.reject(new SqlFault('connection', 'the connection was ended'));
    this.connection.destroy();
  }

  /** In good order, unless it is gone already; open transactions are undone by the server. */
  async close(): Promise<void> {
    if (this.#destroyed) return;
    try {
      const patience = AbortSignal.timeout(2000);
      await this.under(
        new Promise<void>((resolve, reject) => this.connection.end((error) => (error ? reject(error) : resolve()))),
        patience,
      );
    } catch {
      // Gone either way.
    } finally {
      this.destroy();
    }
  }
}
