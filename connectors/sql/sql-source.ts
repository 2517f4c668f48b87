import {
  type BatchLimits,
  type Clock,
  createCsvCodec,
  defaultCsvSettings,
  type Json,
  type Position,
  RowBatch,
  type Schema,
  SluiceError,
  type Source,
  type Split,
  sameJson,
  systemClock,
} from '../../src/sdk.ts';
import { databaseError } from './database-error.ts';
import type { SqlDriver, SqlRead } from './driver.ts';
import { behindKey, type KeyRange, keyRanges } from './key-ranges.ts';
import { ReadAhead } from './read-ahead.ts';
import { planIdentity, planRead, type ReadPlan } from './read-plan.ts';
import { ReadingConnections } from './reading-connections.ts';
import { meaningOf } from './sql-column.ts';
import { sqlDriver } from './sql-drivers.ts';
import { SqlFault } from './sql-fault.ts';
import type { SqlIntake } from './sql-intake.ts';
import { keyOfRow, type SqlPosition, sqlPosition } from './sql-position.ts';
import type { SqlAccess } from './sql-settings.ts';

export interface SqlSourceOptions {
  readonly access: SqlAccess;
  readonly intake: SqlIntake;
  readonly clock?: Clock;
}

/** Rows that are dropped at once on the way to where reading continues. */
const SKIPPED_AT_ONCE = 10_000;

/** The source for a table or a query of a database. Rows come as the driver writes them, in canonical CSV, and are not parsed but for their key. */
export function createSqlSource(options: SqlSourceOptions): Source {
  const source = new SqlSource(options);
  return {
    identity: (signal) => source.identity(signal),
    splits: async () => source.splits(),
    read: (split, after, limits, signal) => source.read(split, after, limits, signal),
    check: (signal) => source.check(signal),
    get bytesRead() {
      return source.bytesRead;
    },
    close: () => source.close(),
    [Symbol.asyncDispose]: () => source.close(),
  };
}

/** What is open between `identity` and `close`. */
interface OpenIntake {
  readonly driver: SqlDriver;
  readonly connections: ReadingConnections;
  readonly plan: ReadPlan;
  readonly ranges: readonly KeyRange[];
}

class SqlSource {
  readonly #options: SqlSourceOptions;
  readonly #clock: Clock;
  readonly #codec = createCsvCodec(defaultCsvSettings);
  /** Ranges whose reading has begun before its turn. */
  readonly #ahead = new Map<string, ReadAhead>();
  #open: OpenIntake | null = null;
  #schema: Schema | null = null;
  bytesRead = 0;

  constructor(options: SqlSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  async identity(signal: AbortSignal): Promise<Json> {
    const { driver, plan } = await this.#opened(signal);
    return planIdentity(plan, driver.place);
  }

  splits(): readonly Split[] {
    return this.#intake.ranges.map(({ id }) => ({ id, bytes: null }));
  }

  async *read(
    split: Split,
    after: Position | null,
    limits: BatchLimits,
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch, void> {
    let at = sqlPosition(after, split.id);
    if (after !== null) this.#assertContinues(split);
    // A connection that is lost is no end as long as others can be had; what was handed out is not read again.
    for (let lost = 0; ; ) {
      try {
        for await (const batch of this.#batches(split, at, limits, signal)) {
          lost = 0;
          at = batch.origin.position as unknown as SqlPosition;
          yield batch;
        }
        return;
      } catch (error) {
        const { driver, plan } = this.#intake;
        // A standby may break off a long read to catch up with its primary.
        const passing = error instanceof SqlFault && (error.kind === 'connection' || error.kind === 'conflict');
        const again = passing && plan.ordered && lost < 3;
        if (!again) throw databaseError(error, { driver, doing: `reading ${plan.name}` });
        lost += 1;
        await this.#reopen(signal);
      }
    }
  }

  async check(signal: AbortSignal): Promise<void> {
    const driver = await this.#driver();
    try {
      await using connection = await driver.connect(signal);
      const plan = await planRead(connection, driver.dialect, { ...this.#options.intake, connections: 1 }, signal);
      // The right to look at a table is not the right to read it.
      const read = connection.read({ ...plan, where: '1 = 0', orderBy: [] }, signal);
      for await (const chunk of read) if (chunk.length > 0) break;
    } catch (error) {
      throw databaseError(error, { driver, doing: `reading ${this.#name}` });
    }
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    for (const ahead of this.#ahead.values()) await ahead[Symbol.asyncDispose]();
    this.#ahead.clear();
    await open?.connections[Symbol.asyncDispose]();
  }

  get #intake(): OpenIntake {
    if (this.#open !== null) return this.#open;
    throw new SluiceError('CONTRACT_BROKEN', 'the intake is used before its identity was asked for, or after its end');
  }

  get #name(): string {
    const { table } = this.#options.intake;
    return table === null ? 'the query' : `the table ${table.schema === null ? '' : `${table.schema}.`}${table.name}`;
  }

  #driver(): Promise<SqlDriver> {
    return sqlDriver(this.#options.access);
  }

  async #opened(signal: AbortSignal): Promise<OpenIntake> {
    if (this.#open !== null) return this.#open;
    const { access, intake } = this.#options;
    const driver = await this.#driver();
    let connections: ReadingConnections | undefined;
    try {
      connections = await ReadingConnections.open(driver, access.connectMs, this.#clock, signal);
      const plan = await planRead(connections.first, driver.dialect, intake, signal);
      const ranges = keyRanges(plan, intake.rangeRows, driver.dialect);
      this.#schema ??= { columns: plan.columns.map(meaningOf) };
      this.#open = { driver, connections, plan, ranges };
      return this.#open;
    } catch (error) {
      await connections?.[Symbol.asyncDispose]();
      throw databaseError(error, { driver, doing: `reading ${this.#name}` });
    }
  }

  /** New connections, which see the database as it is now, after the old ones were lost. The intake must still be the same. */
  async #reopen(signal: AbortSignal): Promise<void> {
    const { driver, plan } = this.#intake;
    const before = planIdentity(plan, driver.place);
    await this.close();
    const open = await this.#opened(signal);
    if (sameJson(before, planIdentity(open.plan, driver.place))) return;
    throw new SluiceError(
      'INTAKE_CHANGED',
      `${plan.name} at ${driver.place} was changed while the connection to it was lost. Restore it, or start anew with --overwrite.`,
    );
  }

  #assertContinues({ id }: Split): void {
    const { plan, driver } = this.#intake;
    if (plan.ordered) return;
    throw new SluiceError(
      'INTAKE_CHANGED',
      `${id} at ${driver.place} cannot be continued: its rows have no order, so nobody can say which of them were read. ` +
        'Name the columns that tell them apart by intakeSettings.keyColumns, give the query an ORDER BY, and start anew with --overwrite.',
    );
  }

  async *#batches(
    split: Split,
    at: SqlPosition,
    limits: BatchLimits,
    signal: AbortSignal,
  ): AsyncGenerator<RowBatch, void> {
    const { plan, ranges } = this.#intake;
    const index = ranges.findIndex(({ id }) => id === split.id);
    const range = ranges[index];
    if (range === undefined) throw new SluiceError('CONTRACT_BROKEN', `the intake has no part ${split.id}`);
    const places = plan.key.map((column) => plan.columns.indexOf(column));
    // Without a key the rows before the position are read again, and dropped.
    const skipped = at.key === null ? at.row : 0;
    const chunks = this.#chunks(index, at, signal);
    let dropped = 0;
    const cut: BatchLimits = {
      get rows() {
        return dropped < skipped ? Math.min(skipped - dropped, SKIPPED_AT_ONCE) : limits.rows;
      },
      get bytes() {
        return dropped < skipped ? Number.POSITIVE_INFINITY : limits.bytes;
      },
      // A database is never waited for in the middle of a batch: the same rows make the same batches.
      lingerMs: Number.POSITIVE_INFINITY,
    };
    const from = { offset: 0, row: at.row - skipped, line: 1 };
    const decoded = this.#codec.decode(chunks, { split: split.id, after: from, limits: cut }, this.#schema, signal);
    let after: Position | null = at.row === 0 && at.key === null ? null : (at as unknown as Position);
    let last: RowBatch | null = null;
    for await (const batch of decoded) {
      if (dropped < skipped) {
        dropped += batch.rows;
        batch.release();
        continue;
      }
      const next = this.#placed(batch, after, places);
      after = next.origin.position;
      if (last !== null) {
        this.#assertApart(last, next, places);
        yield last;
      }
      last = next;
    }
    if (last !== null) yield last;
  }

  /** A batch of the decoder's with a position of ours. */
  #placed(batch: RowBatch, after: Position | null, places: readonly number[]): RowBatch {
    const { split, firstRow } = batch.origin;
    const key = places.length === 0 ? null : keyOfRow(batch, batch.rows - 1, places);
    const position = { row: firstRow + batch.rows, key };
    const origin = { split, firstRow, after, position, rejected: [] };
    return RowBatch.fromCsv(batch.schema, origin, batch.bytes, batch.ends, () => batch.release());
  }

  /** Two rows with one key on the two sides of a cut: whoever continued there would leave out the second one. */
  #assertApart(last: RowBatch, next: RowBatch, places: readonly number[]): void {
    if (places.length === 0) return;
    const { key } = last.origin.position as unknown as SqlPosition;
    if (!sameJson(key, keyOfRow(next, 0, places))) return;
    throw new SluiceError(
      'CONFIG_INVALID',
      `intakeSettings.keyColumns: ${this.#intake.plan.key.map(({ name }) => name).join(', ')} of ${next.origin.split} ` +
        `is the same in two rows (${key?.join(', ')}); name columns that tell all rows apart.`,
    );
  }

  /** The bytes of a range behind a position; begins to read the ranges that come next. */
  #chunks(index: number, at: SqlPosition, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { connections, ranges } = this.#intake;
    const { connections: most, aheadBytes } = this.#options.intake;
    const begin = (place: number, from: SqlPosition): ReadAhead =>
      new ReadAhead((until) => this.#query(place, from, until), Math.ceil(aheadBytes / most));
    const id = ranges[index]!.id;
    const isStart = at.row === 0 && at.key === null;
    const begun = this.#ahead.get(id);
    this.#ahead.delete(id);
    const own = begun !== undefined && isStart ? begun : begin(index, at);
    if (begun !== undefined && own !== begun) void begun[Symbol.asyncDispose]();
    for (let next = index + 1; connections.areSeveral && next < Math.min(ranges.length, index + most); next += 1) {
      if (!this.#ahead.has(ranges[next]!.id)) this.#ahead.set(ranges[next]!.id, begin(next, { row: 0, key: null }));
    }
    return own.chunks(signal);
  }

  async *#query(index: number, at: SqlPosition, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { connections, plan, ranges, driver } = this.#intake;
    const { from, columns, key } = plan;
    const behind = at.key === null ? null : behindKey(key, at.key, driver.dialect);
    const where = [ranges[index]!.where, behind].filter((part) => part !== null).join(' AND ') || null;
    const read: SqlRead = { from, columns, where, orderBy: key.map(({ name }) => name) };
    const connection = await connections.take(signal);
    let whole = false;
    try {
      for await (const chunk of connection.read(read, signal)) {
        this.bytesRead += chunk.length;
        yield chunk;
      }
      whole = true;
    } finally {
      await connections.give(connection, whole);
    }
  }
}
