import { decodeRecord, fieldEnd, LF } from '../../../src/sdk.ts';
import type { BridgeSession } from '../bridge/bridge-session.ts';
import type { SqlDialect } from '../dialect.ts';
import type { CanonicalRows, LoadTarget, SqlConnection, SqlRead, SqlValue } from '../driver.ts';
import { OwnStages } from '../own-stages.ts';
import { isMoment, type SqlColumn, type TableDescription, type TableName } from '../sql-column.ts';
import { SqlFault } from '../sql-fault.ts';
import { type JdbcColumn, sqlColumnOf } from './jdbc-columns.ts';
import { jdbcFault, type Unsaid } from './jdbc-fault.ts';
import type { JdbcLock } from './jdbc-lock.ts';
import { JdbcTables } from './jdbc-tables.ts';

const CHUNK = 256 * 1024;
/** Answers that are asked for before the one in hand is used up. */
const AHEAD = 2;
const FETCH = 2000;

/** What a connection is made of. */
export interface JdbcParts {
  readonly session: BridgeSession;
  readonly dialect: SqlDialect;
  readonly unsaid: Unsaid;
  readonly fetchSize: number | null;
  /** The isolation in which all reads see one state; null where there is none that locks nobody out. */
  readonly snapshotLevel: string | null;
  /** What the database said of itself when the connection began. */
  readonly about: { readonly catalog: string | null; readonly schema: string | null };
  readonly lock: JdbcLock;
  /** The session is over. */
  readonly left: () => Promise<void>;
}

/** One connection by JDBC. */
export class JdbcConnection implements SqlConnection {
  readonly #parts: JdbcParts;
  readonly #tables: JdbcTables;
  /** Asked of the catalog once for each table that is loaded. */
  readonly #loaded = new Map<string, readonly JdbcColumn[]>();
  readonly #stages = new OwnStages();
  #closed = false;

  constructor(parts: JdbcParts) {
    this.#parts = parts;
    this.#tables = new JdbcTables((op, fields, signal) => this.#ask(op, fields, signal), parts.about);
  }

  async execute(sql: string, parameters: readonly SqlValue[], signal: AbortSignal): Promise<number> {
    if (/^\s*(create|drop|alter)\b/i.test(sql)) this.#loaded.clear();
    const { said } = await this.#ask('execute', { sql, parameters: parameters.map(bound) }, signal);
    this.#stages.ran(sql);
    return Number(said.count);
  }

  /** As `execute`, but gives up by a fault of kind `conflict` when it waits too long for somebody else's transaction. */
  async executeWithin(
    seconds: number,
    sql: string,
    parameters: readonly SqlValue[],
    signal: AbortSignal,
  ): Promise<number> {
    const { said } = await this.#ask('execute', { sql, parameters: parameters.map(bound), seconds }, signal);
    return Number(said.count);
  }

  async query(
    sql: string,
    parameters: readonly SqlValue[],
    signal: AbortSignal,
  ): Promise<readonly (readonly SqlValue[])[]> {
    const fields = { sql, parameters: parameters.map(bound), fetchSize: FETCH, names: [] };
    const { said } = await this.#ask('query', fields, signal);
    const columns = (said.columns as readonly JdbcColumn[]).map(sqlColumnOf);
    const rows: (readonly SqlValue[])[] = [];
    for (let ended = false; !ended; ) {
      const { said: fetched, data } = await this.#ask('fetch', { bytes: CHUNK }, signal);
      ended = fetched.end === true;
      for (const [start, end] of recordsOf(data))
        rows.push(decodeRecord(data, start, end).map((text, i) => cell(text, columns[i])));
    }
    await this.#ask('endQuery', {}, signal);
    return rows;
  }

  async begin(signal: AbortSignal): Promise<void> {
    await this.#ask('begin', { isolation: null }, signal);
  }

  async commit(signal: AbortSignal): Promise<void> {
    await this.#ask('commit', {}, signal);
  }

  async rollback(signal: AbortSignal): Promise<void> {
    await this.#ask('rollback', {}, signal);
  }

  async currentSchema(): Promise<string | null> {
    return this.#parts.about.schema;
  }

  describeTable(table: TableName, signal: AbortSignal): Promise<TableDescription | null> {
    return this.#tables.describe(table, signal);
  }

  async describeQuery(query: string, signal: AbortSignal): Promise<readonly SqlColumn[]> {
    const { said } = await this.#ask('describe', { sql: query }, signal);
    return (said.columns as readonly JdbcColumn[]).map(sqlColumnOf);
  }

  /** Its own alone: JDBC has no word for joining another's. */
  async snapshot(joined: string | null, signal: AbortSignal): Promise<null> {
    if (joined !== null) throw new SqlFault('statement', 'a snapshot cannot be joined by JDBC');
    await this.#ask('begin', { isolation: this.#parts.snapshotLevel }, signal);
    return null;
  }

  async *read(read: SqlRead, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { sql, names } = this.#select(read);
    await this.#ask('query', { sql, names, parameters: [], fetchSize: this.#parts.fetchSize ?? FETCH }, signal);
    const fetch = (): Promise<{ readonly said: { readonly end?: unknown }; readonly data: Uint8Array }> => {
      const answer = this.#ask('fetch', { bytes: CHUNK }, signal);
      // One that is not waited for any more has nobody to tell.
      answer.catch(() => undefined);
      return answer;
    };
    const coming = Array.from({ length: AHEAD }, fetch);
    try {
      for (;;) {
        const { said, data } = await coming.shift()!;
        if (data.length > 0) yield data;
        if (said.end === true) return;
        coming.push(fetch());
      }
    } finally {
      // What was asked for ahead is answered first, so that whoever comes next gets its own answer.
      if (!signal.aborted && !this.#closed) await this.#ask('endQuery', {}, signal).catch(() => undefined);
    }
  }

  async load({ table, columns }: LoadTarget, rows: CanonicalRows, signal: AbortSignal): Promise<void> {
    if (rows.ends.length === 0) return;
    const { dialect } = this.#parts;
    const known = await this.#columnsOf(table, signal);
    const binds = columns.map((column) => {
      const { jdbc, typeName } = known.find(({ name }) => name === column.name) ?? wordsOf(column);
      return { jdbc, typeName, empty: column.holdsEmptyText && columns.length > 1 };
    });
    const sql = `INSERT INTO ${dialect.tableName(table)} (${columns.map(({ name }) => dialect.quote(name)).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
    await this.#ask('load', { sql, binds }, signal, rows.bytes.subarray(0, rows.ends.at(-1)));
  }

  tryLock(name: string, signal: AbortSignal): Promise<boolean> {
    return this.#parts.lock.take(this, name, signal);
  }

  isLocked(name: string, signal: AbortSignal): Promise<boolean> {
    return this.#parts.lock.isTaken(this, name, signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    const patience = AbortSignal.timeout(2000);
    const drops = this.#stages.drops();
    // Nobody else will; if it cannot be done now, the next run does it.
    if (drops.length > 0) await this.rollback(patience).catch(() => undefined);
    for (const sql of drops) await this.#ask('execute', { sql, parameters: [] }, patience).catch(() => undefined);
    this.#closed = true;
    await this.#parts.lock.release();
    await this.#parts.session.close();
    await this.#parts.left();
  }

  destroy(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.session.destroy(new SqlFault('connection', 'the connection was ended'));
    void this.#parts.lock.release().then(() => this.#parts.left());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #columnsOf(table: TableName, signal: AbortSignal): Promise<readonly JdbcColumn[]> {
    const key = JSON.stringify(table);
    const known = this.#loaded.get(key) ?? (await this.#tables.columns(table, signal));
    this.#loaded.set(key, known);
    return known;
  }

  #select({ from, columns, where, orderBy }: SqlRead): { readonly sql: string; readonly names: readonly string[] } {
    const { dialect } = this.#parts;
    // Its own ORDER BY holds only where it is run as it stands.
    if ('query' in from && where === null && orderBy.length === 0)
      return { sql: from.query, names: columns.map(({ name }) => name) };
    const list = columns.map(({ name }) => dialect.quote(name)).join(', ');
    const source = 'query' in from ? `(${from.query}\n) q` : dialect.tableName(from.table);
    const order = orderBy.length === 0 ? '' : ` ORDER BY ${orderBy.map((name) => dialect.quote(name)).join(', ')}`;
    return { sql: `SELECT ${list} FROM ${source}${where === null ? '' : ` WHERE ${where}`}${order}`, names: [] };
  }

  async #ask(
    op: string,
    fields: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
    data: Uint8Array | null = null,
  ): ReturnType<BridgeSession['ask']> {
    try {
      return await this.#parts.session.ask(op, fields, signal, data);
    } catch (error) {
      throw signal.aborted ? signal.reason : jdbcFault(error, this.#parts.unsaid);
    }
  }
}

/** Where the records of canonical CSV start and end. */
function* recordsOf(bytes: Uint8Array): Generator<readonly [number, number]> {
  for (let start = 0, at = 0; at < bytes.length; at += 1) {
    at = fieldEnd(bytes, at);
    if (bytes[at] !== LF) continue;
    yield [start, at + 1];
    start = at + 1;
  }
}

/** For tables of which the catalog says nothing, as some say nothing of temporary ones. */
function wordsOf(column: SqlColumn): Pick<JdbcColumn, 'jdbc' | 'typeName'> {
  const { type, declared } = column;
  const zoned = /zone|tz|offset/i.test(declared) && !/without/i.test(declared);
  const jdbc = isMoment(column) ? (zoned ? ZONED : PLAIN_TYPES.timestamp) : PLAIN_TYPES[type ?? 'string'];
  return { jdbc, typeName: declared };
}

const ZONED = 2014;
const PLAIN_TYPES = { boolean: 16, integer: -5, number: 8, decimal: 2, string: 12, date: 91, timestamp: 93 } as const;

/** JSON's numbers are floating ones. */
function bound(value: SqlValue): string | number | boolean | null {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function cell(text: string | null, column: SqlColumn | undefined): SqlValue {
  if (text === null) return null;
  if (column?.type === 'boolean') return text === 'true';
  if (
    column?.type === 'integer' ||
    ((column?.type === 'number' || column?.type === 'decimal') && /^-?\d+$/.test(text))
  ) {
    const number = Number(text);
    return Number.isSafeInteger(number) ? number : BigInt(text);
  }
  return text;
}
