import { createHash } from 'node:crypto';
import type { Readable, Writable } from 'node:stream';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { decodeRecord, messageOf } from '../../../src/sdk.ts';
import type { CanonicalRows, LoadTarget, SqlConnection, SqlRead, SqlValue } from '../driver.ts';
import type { SqlColumn, TableDescription, TableName } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { rowOfLine, rowsWithEndMark, someRows } from './copied-rows.ts';
import { copyInText, copyOutText } from './postgres-copy.ts';
import { postgresDialect } from './postgres-dialect.ts';
import { copiedLine, isSnapshotGone, postgresFault } from './postgres-fault.ts';
import { describePostgresFields, describePostgresTable } from './postgres-tables.ts';

/** Bytes of one message; the library hands each on as it is. */
const MESSAGE_BYTES = 256 * 1024;

/** One connection to PostgreSQL. An abort ends it: there is no other way to be sure that the server has stopped. */
export class PostgresConnection implements SqlConnection {
  readonly #client: pg.Client;
  #closed = false;

  constructor(client: pg.Client) {
    this.#client = client;
  }

  /** Connects, and says what every connection is told first. Called once, by the driver. */
  async begun(settings: string, signal: AbortSignal): Promise<void> {
    await this.#until(this.#client.connect(), signal);
    await this.#until(this.#client.query(settings), signal);
  }

  async execute(sql: string, parameters: readonly SqlValue[], signal: AbortSignal): Promise<number> {
    const { rowCount } = await this.#run(sql, parameters, signal);
    return rowCount ?? 0;
  }

  query = async (
    sql: string,
    parameters: readonly SqlValue[],
    signal: AbortSignal,
  ): Promise<readonly (readonly SqlValue[])[]> => {
    const { rows } = await this.#run(sql, parameters, signal);
    return rows;
  };

  async begin(signal: AbortSignal): Promise<void> {
    // Constraints that wait for the end of the transaction would then fail all of its rows, and say of none that it is the one.
    await this.execute('BEGIN; SET CONSTRAINTS ALL IMMEDIATE', [], signal);
  }

  async commit(signal: AbortSignal): Promise<void> {
    const { command } = await this.#run('COMMIT', [], signal);
    // The server answers so, and with no error, to the commit of a transaction in which something had failed.
    if (command !== 'COMMIT') throw new SqlFault('statement', `the transaction was undone: ${command}`);
  }

  async rollback(signal: AbortSignal): Promise<void> {
    await this.execute('ROLLBACK', [], signal);
  }

  async currentSchema(signal: AbortSignal): Promise<string | null> {
    const [row] = await this.query('SELECT current_schema()', [], signal);
    return row?.[0] === null || row === undefined ? null : String(row[0]);
  }

  describeTable(table: TableName, signal: AbortSignal): Promise<TableDescription | null> {
    return describePostgresTable(this.query, table, signal);
  }

  async describeQuery(query: string, signal: AbortSignal): Promise<readonly SqlColumn[]> {
    // By the protocol that takes one statement alone: a text that ends the brackets and goes on with others is refused here, before it is read.
    const described: pg.QueryConfig & { readonly queryMode: 'extended' } = {
      text: `SELECT * FROM (${query}\n) AS q LIMIT 0`,
      queryMode: 'extended',
    };
    const { fields } = await this.#until(this.#client.query(described), signal);
    return describePostgresFields(this.query, fields, signal);
  }

  async snapshot(joined: string | null, signal: AbortSignal): Promise<string | null> {
    const begin = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY';
    if (joined !== null) {
      await this.#join(`${begin}; SET TRANSACTION SNAPSHOT '${joined.replaceAll("'", "''")}'`, signal);
      return joined;
    }
    await this.execute(begin, [], signal);
    try {
      const [row] = await this.query('SELECT pg_export_snapshot()', [], signal);
      return String(row?.[0]);
    } catch (error) {
      // Servers that speak the protocol and have no snapshots to share.
      if (!(error instanceof SqlFault) || error.kind !== 'statement') throw error;
      await this.execute(`ROLLBACK; ${begin}`, [], signal);
      return null;
    }
  }

  /** A snapshot that is not there any more was lost with the connection that held it. */
  async #join(statements: string, signal: AbortSignal): Promise<void> {
    try {
      await this.execute(statements, [], signal);
    } catch (error) {
      if (!isSnapshotGone(error)) throw error;
      throw new SqlFault('connection', `the connection that held the snapshot was lost: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async *read(read: SqlRead, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    signal.throwIfAborted();
    const stream: Readable = this.#client.query(copyTo(copyOutText(read), { highWaterMark: MESSAGE_BYTES }));
    let ended = false;
    const onAbort = (): void => this.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const chunk of stream) yield chunk as Buffer;
      ended = true;
    } catch (error) {
      ended = true;
      signal.throwIfAborted();
      throw postgresFault(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      // Whoever left has no use for the rest, which can be most of a table.
      if (!ended) this.destroy();
    }
  }

  async load(target: LoadTarget, rows: CanonicalRows, signal: AbortSignal): Promise<void> {
    let from = 0;
    for (const row of rowsWithEndMark(rows)) {
      if (row > from) await this.#copy(target, someRows(rows, from, row), from, signal);
      await this.#insert(target, someRows(rows, row, row + 1), row, signal);
      from = row + 1;
    }
    if (from === 0) await this.#copy(target, rows, 0, signal);
    else if (from < rows.ends.length) await this.#copy(target, someRows(rows, from, rows.ends.length), from, signal);
  }

  /** One row, by its values. */
  async #insert({ table, columns }: LoadTarget, rows: CanonicalRows, row: number, signal: AbortSignal): Promise<void> {
    const { quote, tableName, parameter } = postgresDialect;
    const names = columns.map(({ name }) => quote(name)).join(', ');
    const places = columns.map((_, index) => parameter(index + 1)).join(', ');
    const isNull = (text: string | null, at: number): boolean =>
      text === '' && (columns.length === 1 || !columns[at]!.holdsEmptyText);
    const values = decodeRecord(rows.bytes, 0, rows.bytes.length).map((text, at) => (isNull(text, at) ? null : text));
    try {
      await this.execute(`INSERT INTO ${tableName(table)} (${names}) VALUES (${places})`, values, signal);
    } catch (error) {
      if (!(error instanceof SqlFault) || error.kind !== 'row') throw error;
      throw new SqlFault('row', error.message, { cause: error.cause, row });
    }
  }

  /** @param before rows that were loaded before these, for faults. */
  async #copy(target: LoadTarget, rows: CanonicalRows, before: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const stream: Writable = this.#client.query(copyFrom(copyInText(target), { highWaterMark: 4 * MESSAGE_BYTES }));
    const copied = new Promise<void>((resolve, reject) => {
      stream.once('finish', resolve);
      stream.once('error', reject);
    });
    try {
      const length = rows.ends.at(-1) ?? 0;
      for (let at = 0; at < length; at += MESSAGE_BYTES) {
        stream.write(rows.bytes.subarray(at, Math.min(at + MESSAGE_BYTES, length)));
      }
      stream.end();
      await this.#until(copied, signal);
    } catch (error) {
      signal.throwIfAborted();
      const fault = postgresFault(error);
      const line = copiedLine(fault.cause);
      if (fault.kind !== 'row' || line === undefined) throw fault;
      const row = rowOfLine(rows, line);
      throw new SqlFault('row', fault.message, { cause: fault.cause, row: row === undefined ? row : before + row });
    }
  }

  async tryLock(name: string, signal: AbortSignal): Promise<boolean> {
    const key = createHash('sha256').update(name).digest().readBigInt64BE(0);
    const [row] = await this.query('SELECT pg_try_advisory_lock($1::bigint)', [key], signal);
    return row?.[0] === true;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A connection that was lost may never say that it has ended.
    await Promise.race([
      this.#client.end().catch(() => undefined),
      new Promise<void>((resolve) => {
        setTimeout(resolve, 2000).unref();
      }),
    ]);
    this.destroy();
  }

  destroy(): void {
    this.#closed = true;
    streamOf(this.#client)?.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(
    text: string,
    parameters: readonly SqlValue[],
    signal: AbortSignal,
  ): Promise<pg.QueryArrayResult<SqlValue[]>> {
    const values = parameters.map((value) => (value === null ? null : String(value)));
    // Without values it goes by the simple protocol, which takes several statements in one.
    const query: pg.QueryArrayConfig = {
      text,
      rowMode: 'array',
      types: asValues,
      ...(values.length > 0 ? { values } : {}),
    };
    return await this.#until(this.#client.query<SqlValue[]>(query), signal);
  }

  /** What a promise of the library comes to, or the reason of the abort. */
  async #until<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
    const onAbort = (): void => this.destroy();
    if (signal.aborted) {
      onAbort();
      work.catch(() => undefined);
      throw signal.reason;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await work;
    } catch (error) {
      signal.throwIfAborted();
      throw postgresFault(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }
}

/** The library has a way to end a connection politely, and none to end it at once. */
function streamOf(client: pg.Client): { destroy(): void } | undefined {
  return (client as unknown as { connection?: { stream?: { destroy(): void } } }).connection?.stream;
}

const BOOLEAN = 16;
const WHOLE: ReadonlySet<number> = new Set([20, 21, 23, 26]);
const FLOATS: ReadonlySet<number> = new Set([700, 701]);

/** Values as the seam has them: not the dates and objects of the library. */
const asValues: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number) => (text: string) => valueOf(oid, text)) as pg.CustomTypesConfig['getTypeParser'],
};

function valueOf(oid: number, text: string): SqlValue {
  if (oid === BOOLEAN) return text === 't';
  if (FLOATS.has(oid)) return Number(text);
  if (!WHOLE.has(oid)) return text;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}
