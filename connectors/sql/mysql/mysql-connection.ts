import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ResultSetHeader } from 'mysql2';
import type { CanonicalRows, LoadTarget, SqlConnection, SqlRead, SqlValue } from '../driver.ts';
import { OwnStages } from '../own-stages.ts';
import type { SqlColumn, TableDescription, TableName } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { columnOfField, wireField } from './mysql-columns.ts';
import { describeMysqlTable } from './mysql-describe.ts';
import { mysqlDialect } from './mysql-dialect.ts';
import { mysqlFault, warningFault } from './mysql-fault.ts';
import { assignment, INFILE_FORM, infilePieces } from './mysql-infile.ts';
import { insertStatements } from './mysql-insert.ts';
import { MysqlLink } from './mysql-link.ts';
import { MYSQL_LOCK } from './mysql-lock.ts';
import type { MysqlSettings } from './mysql-options.ts';
import { readRows } from './mysql-read.ts';

/** What the server said of itself when the connection began. */
interface ServerFacts {
  readonly loadsLocal: boolean;
  readonly packetBytes: number;
}

/** One connection to MySQL or MariaDB. */
export class MysqlConnection implements SqlConnection {
  readonly #link: MysqlLink;
  readonly #settings: MysqlSettings;
  readonly #facts: ServerFacts;
  readonly #stages = new OwnStages();
  /** The digests of the locks that it has. */
  readonly #locks: string[] = [];

  private constructor(link: MysqlLink, settings: MysqlSettings, facts: ServerFacts) {
    this.#link = link;
    this.#settings = settings;
    this.#facts = facts;
  }

  static async open(settings: MysqlSettings, signal: AbortSignal): Promise<MysqlConnection> {
    const link = await MysqlLink.open(settings, signal);
    try {
      const ask = 'select @@local_infile, @@max_allowed_packet, @@sql_mode';
      const [[local, packet, mode] = []] = (await link.run(ask, [], signal)) as unknown[][];
      // Values that do not fit are errors, and a backslash in a text that the library quotes is one.
      const modes = new Set(
        String(mode)
          .split(',')
          .filter((one) => one !== '' && one !== 'NO_BACKSLASH_ESCAPES'),
      );
      modes.add('STRICT_ALL_TABLES');
      // Whoever is slow, a reader or a server that scores, is waited for; the defaults are a minute or less.
      const patience = 'net_write_timeout = 86400, net_read_timeout = 86400, wait_timeout = 604800';
      const quiet = 'sql_notes = 0, max_error_count = 64, autocommit = 1, default_storage_engine = InnoDB';
      await link.run(
        `set session time_zone = '+00:00', sql_mode = '${[...modes].join(',')}', ${patience}, ${quiet}`,
        [],
        signal,
      );
      const facts = {
        loadsLocal: settings.loadsLocal && Number(local) === 1,
        packetBytes: Number(packet),
      };
      return new MysqlConnection(link, settings, facts);
    } catch (error) {
      link.destroy();
      throw error;
    }
  }

  async execute(sql: string, parameters: readonly SqlValue[], signal: AbortSignal): Promise<number> {
    const answer = await this.#link.run(sql, parameters.map(bound), signal);
    this.#stages.ran(sql);
    return Array.isArray(answer) ? 0 : (answer as ResultSetHeader).affectedRows;
  }

  async query(
    sql: string,
    parameters: readonly SqlValue[],
    signal: AbortSignal,
  ): Promise<readonly (readonly SqlValue[])[]> {
    const answer = await this.#link.run(sql, parameters.map(bound), signal);
    return Array.isArray(answer) ? answer.map((row: readonly unknown[]) => row.map(cell)) : [];
  }

  async begin(signal: AbortSignal): Promise<void> {
    await this.#link.run('start transaction', [], signal);
  }

  async commit(signal: AbortSignal): Promise<void> {
    await this.#link.run('commit', [], signal);
  }

  async rollback(signal: AbortSignal): Promise<void> {
    await this.#link.run('rollback', [], signal);
  }

  async currentSchema(signal: AbortSignal): Promise<string | null> {
    const [[schema] = []] = await this.query('select database()', [], signal);
    return schema === null || schema === undefined ? null : String(schema);
  }

  describeTable(table: TableName, signal: AbortSignal): Promise<TableDescription | null> {
    return describeMysqlTable(this, table, this.#settings.tinyIsTruth, signal);
  }

  async describeQuery(query: string, signal: AbortSignal): Promise<readonly SqlColumn[]> {
    const fields = await this.#link.fields(query, signal);
    if (fields.length === 0) throw new SqlFault('statement', 'the query gives no rows: it must be a SELECT');
    return fields.map((field) => columnOfField(wireField(field), this.#settings.tinyIsTruth));
  }

  /** Its own alone: a snapshot has no name here that another connection could join it by. */
  async snapshot(joined: string | null, signal: AbortSignal): Promise<null> {
    if (joined !== null) throw new SqlFault('statement', 'a snapshot of MySQL cannot be joined');
    await this.#link.run('set transaction isolation level repeatable read', [], signal);
    await this.#link.run('start transaction with consistent snapshot, read only', [], signal);
    return null;
  }

  read(read: SqlRead, signal: AbortSignal): AsyncIterable<Uint8Array> {
    return readRows(this.#link, read, this.#settings.tinyIsTruth, signal);
  }

  async load({ table, columns }: LoadTarget, rows: CanonicalRows, signal: AbortSignal): Promise<void> {
    if (rows.ends.length === 0) return;
    if (!this.#facts.loadsLocal) return this.#insert({ table, columns }, rows, signal);
    const variables = columns.map((column, i) => assignment(column, mysqlDialect.quote(column.name), `@c${i}`));
    const fields = columns.map(({ name }, i) => (variables[i] === null ? mysqlDialect.quote(name) : `@c${i}`));
    const set = variables.filter((one) => one !== null);
    const sql =
      `load data local infile 'rows' into table ${mysqlDialect.tableName(table)} character set utf8mb4 ${INFILE_FORM} ` +
      `(${fields.join(', ')})${set.length === 0 ? '' : ` set ${set.join(', ')}`}`;
    const infileStreamFactory = (): Readable => Readable.from(infilePieces(rows, columns), { highWaterMark: 1 });
    const { affectedRows, warningStatus, info } = (await this.#link.run(sql, [], signal, {
      infileStreamFactory,
    })) as ResultSetHeader;
    // The server cannot stop us while we send: what it does not like it leaves out or bends, and warns of.
    if (warningStatus > 0) throw await this.#firstWarning(rows.ends.length, signal);
    if (affectedRows !== rows.ends.length)
      throw new SqlFault('statement', `${rows.ends.length} rows were sent and ${affectedRows} taken (${info})`);
  }

  async tryLock(name: string, signal: AbortSignal): Promise<boolean> {
    const digest = createHash('sha256').update(name).digest('hex');
    const [[taken] = []] = await this.query(`select get_lock(${MYSQL_LOCK}, 0)`, [digest], signal);
    if (Number(taken) !== 1) return false;
    this.#locks.push(digest);
    return true;
  }

  async close(): Promise<void> {
    const patience = AbortSignal.timeout(2000);
    const drops = this.#stages.drops();
    // Nobody else will; if it cannot be done now, the next run does it.
    if (drops.length > 0) await this.#link.run('rollback', [], patience).catch(() => undefined);
    for (const sql of drops) await this.#link.run(sql, [], patience).catch(() => undefined);
    // The server gives them back by itself, but some time after the connection has ended.
    for (const digest of this.#locks.splice(0))
      await this.query(`select release_lock(${MYSQL_LOCK})`, [digest], patience).catch(() => undefined);
    await this.#link.close();
  }

  destroy(): void {
    this.#link.destroy();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #insert(target: LoadTarget, rows: CanonicalRows, signal: AbortSignal): Promise<void> {
    for (const { sql, first } of insertStatements(target, rows, this.#facts.packetBytes)) {
      try {
        await this.#link.run(sql, [], signal);
      } catch (error) {
        const fault = mysqlFault(error);
        if (!(fault instanceof SqlFault) || fault.kind !== 'row' || fault.row === undefined) throw fault;
        throw new SqlFault('row', fault.message, { cause: fault.cause, row: first + fault.row });
      }
    }
  }

  async #firstWarning(sent: number, signal: AbortSignal): Promise<SqlFault> {
    const warnings = await this.query('show warnings', [], signal);
    const faults = warnings.map(([, number, message]) => warningFault(Number(number), String(message)));
    // One that says which row it was is of more use than one before it that does not.
    const worst =
      faults.find(({ kind }) => kind !== 'row') ??
      faults.find(({ row }) => row !== undefined && row < sent) ??
      faults[0];
    return worst ?? new SqlFault('row', 'the server warned of the rows and does not say of what');
  }
}

/** The library sends numbers as floating ones, and truth values as text: whole ones that are too large for that, and those, go otherwise. */
function bound(value: SqlValue): string | number | null {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'boolean' ? Number(value) : value;
}

function cell(value: unknown): SqlValue {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  return value === undefined ? null : (value as SqlValue);
}
