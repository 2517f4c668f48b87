import {
  type Clock,
  columnNames,
  deadLetterLine,
  encodeRecords,
  freshLedger,
  type JobIdentity,
  type Ledger,
  ledgerAfter,
  type Manifest,
  type ManifestFacts,
  outputRows,
  type Schema,
  type ScoredBatch,
  SluiceError,
} from '../../src/sdk.ts';
import { ChainedHash } from './chained-hash.ts';
import type { SqlConnection, SqlDriver } from './driver.ts';
import { countRows, removeRuns } from './former-runs.ts';
import { beginOutput, type OutputBeginning } from './output-beginning.ts';
import { checkOutput } from './output-check.ts';
import { manifestOf } from './output-manifest.ts';
import { findOutput, type OutputPlace } from './output-place.ts';
import { OutputSession } from './output-session.ts';
import { type ChunkMemory, RowChunk, runTail } from './row-chunk.ts';
import { sqlDriver } from './sql-drivers.ts';
import { type SqlOutput, tableOf } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';
import { type LedgerRow, StateTables } from './state-tables.ts';
import { TableLoader } from './table-loader.ts';
import { createStatements, newTarget, type TargetTable, targetOf } from './target-table.ts';
import {
  assertFewRefused,
  chunkLetters,
  heldBytes,
  holdsAfter,
  holdsOf,
  type LoadedChunk,
  lettersAfter,
  refusedLetter,
  withHolds,
} from './written-so-far.ts';

/** Bytes of rows that are kept until they are durable, to do their transaction again; more than these are committed. */
const REPLAY_BYTES = 32 * 1024 * 1024;

const SPARE_CHUNKS = 4;

/** What is known between `open` and `close`. */
interface OpenOutput {
  readonly driver: SqlDriver;
  readonly session: OutputSession;
  readonly state: StateTables;
  readonly place: OutputPlace;
  readonly run: string;
  /** Finished runs whose rows go when the first ones of this run come. */
  readonly replaced: readonly LedgerRow[];
}

/** One output under way. */
export class OutputWriter {
  readonly #access: SqlAccess;
  readonly #output: SqlOutput;
  readonly #clock: Clock;
  #open: OpenOutput | null = null;
  #loader: TableLoader | null = null;
  /** Whether this run has made the table, or the stage. */
  #madeTable = false;
  #madeStage = false;
  /** Whether rows go to a stage until the end. */
  #staged = false;
  #tail: Uint8Array = new Uint8Array(0);
  #schema: Schema | null = null;
  #accepted: Ledger = freshLedger({});
  #hash = new ChainedHash();
  /** Rows that were accepted, of all runs of the job. */
  #rows = 0;
  #durable: Ledger | null = null;
  /** What is being committed: whether it was, when the connection is lost meanwhile, is for the ledger to say. */
  #attempted: LedgerRow | null = null;
  #finished: Manifest | null = null;
  #chunk: RowChunk | null = null;
  #chunks: LoadedChunk[] = [];
  /** How many of the chunks are in the open transaction. */
  #sent = 0;
  #heldBytes = 0;
  #sending: Promise<void> | null = null;
  readonly #spare: ChunkMemory[] = [];

  constructor(access: SqlAccess, output: SqlOutput, clock: Clock) {
    this.#access = access;
    this.#output = output;
    this.#clock = clock;
  }

  async open(job: JobIdentity, signal: AbortSignal): Promise<Ledger | null> {
    const driver = await sqlDriver(this.#access);
    let place: OutputPlace | null = null;
    const session = new OutputSession(driver, this.#access.connectMs, this.#clock, {
      lockName: async (connection, until) => {
        place ??= await findOutput(connection, this.#output, until);
        return `the table ${place.key}`;
      },
      onConnected: (connection, until) => this.#reconnected(connection, until),
      onUndone: () => this.#undone(),
    });
    try {
      return await session.insist(
        `opening ${this.#tableName}`,
        async (connection) => {
          const here = place ?? (await findOutput(connection, this.#output, signal));
          const state = new StateTables(driver.dialect, here.state, here.key);
          await state.ensure(connection, signal);
          const rows = await state.rows(connection, signal);
          const open = { driver, session, state, place: here };
          const taken = { ...open, output: this.#output, clock: this.#clock };
          return this.#take(open, await beginOutput(taken, rows, job, connection, signal));
        },
        signal,
      );
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  async write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#schema = schema;
    this.#chunk ??= new RowChunk(this.#tail, this.#spare.pop());
    const { bytes, ends } = batch.output;
    this.#chunk.add({ bytes, ends }, { split: batch.through.split, firstRow: this.#rows });
    for (const letter of batch.deadLetters)
      this.#chunk.letters.push(deadLetterLine(letter, outputRows(this.#accepted.tally)).trimEnd());
    this.#hash.update(bytes);
    this.#rows += ends.length;
    this.#accepted = ledgerAfter(this.#accepted, batch, columnNames(schema));
    this.#heldBytes += heldBytes(batch);
    batch.output.release?.();
    if (this.#chunk.length < this.#output.chunkBytes && this.#heldBytes < REPLAY_BYTES) return;
    // The database works on one chunk while the next one is gathered; what it says to the one comes out with the other.
    await this.#sending;
    this.#closeChunk();
    if (this.#heldBytes >= REPLAY_BYTES) await this.commit(signal);
    else {
      this.#sending = this.#send(signal);
      this.#sending.catch(() => undefined);
    }
  }

  async commit(signal: AbortSignal): Promise<Ledger> {
    await this.#idle();
    signal.throwIfAborted();
    if (this.#accepted.sequence === (this.#durable?.sequence ?? 0)) return this.#durable ?? this.#accepted;
    this.#closeChunk();
    const { session } = this.#opened;
    const doing = `writing ${this.#tableName}`;
    await this.#prepare(signal);
    await session.insist(
      doing,
      async (connection) => {
        // A commit whose answer was lost had come through.
        if (this.#chunks.length === 0) return;
        await this.#load(connection, signal);
        await this.#commitLedger(connection, signal);
      },
      signal,
    );
    return this.#durable!;
  }

  async publish(facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<Manifest> {
    await this.commit(signal);
    this.#schema = schema;
    await this.#prepare(signal);
    const { session, place, driver } = this.#opened;
    if (this.#staged && place.found === null && driver.dialect.createsInTransaction !== true)
      await this.#makeTable(signal);
    await session.insist(
      `finishing ${this.#tableName}`,
      async (connection) => {
        if (this.#finished === null) await this.#finish(connection, facts, schema, signal);
      },
      signal,
    );
    if (this.#staged) await this.#dropStage(signal);
    return this.#finished!;
  }

  check(signal: AbortSignal): Promise<void> {
    return checkOutput(this.#access, this.#output, signal);
  }

  async discard(): Promise<void> {
    const open = this.#open;
    if (open === null || this.#finished !== null) return;
    const signal = new AbortController().signal;
    await this.#idle();
    const { session, state, place, driver, run } = open;
    await session.rollback(signal).catch(() => session.close());
    this.#undone();
    await session.insist(
      `discarding ${this.#tableName}`,
      async (connection) => {
        if (this.#durable === null) return;
        const found = await connection.describeTable(place.table, signal);
        await session.begin(connection, signal);
        const own: LedgerRow = { run, state: 'open', ledger: this.#durable, manifest: null };
        const { dialect } = driver;
        await removeRuns(connection, { runs: [own], table: found, output: this.#output, state, dialect }, signal);
        await session.commit(connection, signal);
        this.#durable = null;
      },
      signal,
    );
    await this.#clear(signal);
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    if (open === null) return;
    const signal = new AbortController().signal;
    await this.#idle();
    try {
      if (open.session.current !== null) {
        await open.session.rollback(signal);
        if (this.#durable === null && this.#finished === null) await this.#clearOf(open, signal);
      }
    } catch {
      // The next run finds what is left, and knows it by its name.
    } finally {
      await open.session.close();
    }
  }

  get #opened(): OpenOutput {
    if (this.#open !== null) return this.#open;
    throw new SluiceError('CONTRACT_BROKEN', 'the output is used before it was opened, or after it was closed');
  }

  get #tableName(): string {
    return tableOf(this.#output);
  }

  #take(open: Omit<OpenOutput, 'run' | 'replaced'>, beginning: OutputBeginning): Ledger | null {
    const { run, replaced, staged, durable, accepted, rows } = beginning;
    this.#open = { ...open, run, replaced };
    if (this.#output.runColumn !== null) this.#tail = runTail(run);
    this.#staged = staged;
    this.#durable = durable;
    this.#accepted = accepted;
    this.#rows = rows;
    if (durable !== null) this.#hash = new ChainedHash(holdsOf(durable).mark);
    return durable;
  }

  /** Nothing is being sent any more. If that failed its transaction is undone: whoever needs it done does it again, and hears why it cannot be. */
  async #idle(): Promise<void> {
    await this.#sending?.catch(() => undefined);
    this.#sending = null;
  }

  #closeChunk(): void {
    if (this.#chunk !== null) this.#chunks.push({ chunk: this.#chunk, refused: [] });
    this.#chunk = null;
  }

  async #send(signal: AbortSignal): Promise<void> {
    await this.#prepare(signal);
    const work = (connection: SqlConnection): Promise<void> => this.#load(connection, signal);
    await this.#opened.session.insist(`writing ${this.#tableName}`, work, signal);
  }

  /** Finds the columns, and makes the table and the stage, once there are rows to say what they are like. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#loader !== null) return;
    const { session } = this.#opened;
    const doing = `preparing ${this.#tableName}`;
    await session.insist(doing, (connection) => this.#prepareBy(connection, signal), signal);
  }

  async #prepareBy(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { place, driver } = this.#opened;
    let target = await this.#target(connection, signal);
    if (target.create.length > 0 && !this.#staged) {
      try {
        for (const sql of target.create) await connection.execute(sql, [], signal);
        this.#madeTable = true;
      } catch (error) {
        // Parts of one table begin at the same time, and one of them is the first.
        const found = await connection.describeTable(place.table, signal);
        if (found === null) throw error;
        target = targetOf(found, this.#schema!, this.#output, driver.dialect);
      }
    }
    const { statement } = this.#output;
    const loader = new TableLoader(target, driver.dialect, { statement, atOnce: this.#staged, stage: place.stage });
    if (!this.#staged || this.#durable === null) {
      await loader.makeStage(connection, signal);
      this.#madeStage = this.#staged;
    }
    this.#loader = loader;
  }

  async #target(connection: SqlConnection, signal: AbortSignal): Promise<TargetTable> {
    const { place, driver } = this.#opened;
    const { dialect } = driver;
    const schema = this.#schema ?? { columns: [] };
    if (place.found !== null) return targetOf(place.found, schema, this.#output, dialect);
    const sample = this.#chunks[0]?.chunk.rows ?? { bytes: new Uint8Array(0), ends: new Uint32Array(0) };
    const made = newTarget(place.table, schema, sample, this.#output, dialect);
    if (!this.#staged || this.#durable === null) return made;
    // The stage of the run before has the types that the table is to have.
    const stage = await connection.describeTable(place.stage, signal);
    const columns = made.columns.map((column) => stage?.columns.find(({ name }) => name === column.name) ?? column);
    return { ...made, columns, create: createStatements(place.table, columns, dialect) };
  }

  async #makeTable(signal: AbortSignal): Promise<void> {
    const { session } = this.#opened;
    await session.insist(
      `making ${this.#tableName}`,
      async (connection) => {
        if ((await connection.describeTable(this.#loader!.target.table, signal)) !== null) return;
        for (const sql of this.#loader!.target.create) await connection.execute(sql, [], signal);
      },
      signal,
    );
  }

  /** Brings the chunks that are not in it yet into the open transaction. */
  async #load(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { session } = this.#opened;
    const isFirst = !session.inTransaction;
    await session.begin(connection, signal);
    if (isFirst && !this.#staged && this.#durable === null) await this.#replace(connection, signal);
    for (; this.#sent < this.#chunks.length; this.#sent += 1) {
      const loaded = this.#chunks[this.#sent]!;
      loaded.refused = [];
      await this.#loader!.load(
        connection,
        loaded.chunk,
        (refused) => {
          loaded.refused.push(refused);
          this.#assertFewRefused(0, refused.reason);
        },
        signal,
      );
    }
  }

  /** Takes back what the runs have written that this one replaces. */
  async #replace(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { place, state, driver, replaced } = this.#opened;
    if (replaced.length === 0) return;
    const former = { runs: replaced, table: place.found, output: this.#output, state, dialect: driver.dialect };
    await removeRuns(connection, former, signal);
  }

  async #commitLedger(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { session, run } = this.#opened;
    const before = holdsOf(this.#accepted);
    const lines = this.#chunks.flatMap((loaded) => chunkLetters(loaded, this.#tableName, this.#tail.length));
    await this.#writeLetters(connection, before.letters, lines, signal);
    const ledger = withHolds(this.#accepted, holdsAfter(before, this.#chunks, lines, this.#hash.mark));
    await this.#writeLedger(connection, { run, state: 'open', ledger, manifest: null }, signal);
    await session.commit(connection, signal);
    this.#settle();
  }

  async #finish(connection: SqlConnection, facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<void> {
    const { session, run, place, state } = this.#opened;
    const loader = this.#loader!;
    await session.begin(connection, signal);
    if (this.#staged || this.#durable === null) await this.#replace(connection, signal);
    let holds = holdsOf(this.#accepted);
    if (holds.staged !== null) {
      if ((await connection.describeTable(loader.target.table, signal)) === null)
        for (const sql of loader.target.create) await connection.execute(sql, [], signal);
      const lines: string[] = [];
      const split = this.#accepted.through?.split ?? '';
      await loader.mergeStage(
        connection,
        ({ row, reason, bytes }) => {
          lines.push(
            refusedLetter(
              split,
              `staged row ${row}: ${this.#tableName} refused it: ${reason}`,
              bytes,
              this.#tail.length,
            ),
          );
          this.#assertFewRefused(lines.length, reason);
        },
        signal,
      );
      await this.#writeLetters(connection, holds.letters, lines, signal);
      const rows = holds.staged - lines.length;
      holds = { ...holds, rows, refused: holds.refused + lines.length, ...lettersAfter(holds, lines) };
    }
    const ledger = withHolds({ ...this.#accepted, columns: columnNames(schema) }, holds);
    const manifest = manifestOf(facts, ledger, place.key, state.lettersName);
    await this.#writeLedger(connection, { run, state: 'finished', ledger, manifest }, signal);
    await session.commit(connection, signal);
    this.#settle();
  }

  #assertFewRefused(more: number, last: string): void {
    const refused =
      this.#chunks.reduce((sum, chunk) => sum + chunk.refused.length, more) + holdsOf(this.#accepted).refused;
    assertFewRefused(refused, this.#accepted, this.#output.failures, { table: this.#tableName, last });
  }

  async #writeLetters(
    connection: SqlConnection,
    before: number,
    lines: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { state, run } = this.#opened;
    if (lines.length === 0) return;
    const rows = encodeRecords(lines.map((line, index) => state.letterFields(run, before + index + 1, line)));
    await connection.load(state.letterTarget, rows, signal);
  }

  async #writeLedger(connection: SqlConnection, row: LedgerRow, signal: AbortSignal): Promise<void> {
    const { state } = this.#opened;
    if (!(await state.write(connection, row, this.#durable?.sequence ?? null, signal))) throw this.#takenOver();
    this.#attempted = row;
  }

  /** What was attempted is durable. */
  #settle(): void {
    const { ledger, state, manifest } = this.#attempted!;
    this.#attempted = null;
    this.#durable = ledger;
    this.#accepted = ledger;
    if (state === 'finished') this.#finished = manifest;
    this.#spare.push(...this.#chunks.map(({ chunk }) => chunk.memory).slice(0, SPARE_CHUNKS - this.#spare.length));
    this.#chunks = [];
    this.#sent = 0;
    this.#heldBytes = 0;
  }

  #undone(): void {
    this.#sent = 0;
    for (const loaded of this.#chunks) loaded.refused = [];
  }

  /** A new connection, with the lock: whether what was being committed is in the ledger, and whether nobody else has been here meanwhile. */
  async #reconnected(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    if (this.#open === null) return;
    const { state, run } = this.#open;
    if (this.#loader?.stagesPerConnection === true) await this.#loader.makeStage(connection, signal);
    const rows = await state.rows(connection, signal);
    const own = rows.find((row) => row.run === run);
    const attempted = this.#attempted;
    if (attempted !== null && own?.state === attempted.state && own.ledger.sequence === attempted.ledger.sequence) {
      this.#settle();
      return;
    }
    this.#attempted = null;
    const isAsLeft = own === undefined ? this.#durable === null : own.ledger.sequence === this.#durable?.sequence;
    const others = rows.some((row) => row.run !== run && row.state === 'open');
    if (!isAsLeft || others) throw this.#takenOver();
  }

  #takenOver(): SluiceError {
    return new SluiceError(
      'OUTPUT_LOCKED',
      `another run has taken ${this.#tableName} over while the connection of this one was lost; this one has written nothing since.`,
    );
  }

  async #dropStage(signal: AbortSignal): Promise<void> {
    const { session, driver, place } = this.#opened;
    await session.insist(
      `removing the stage of ${this.#tableName}`,
      async (connection) => {
        if ((await connection.describeTable(place.stage, signal)) === null) return;
        await connection.execute(`DROP TABLE ${driver.dialect.tableName(place.stage)}`, [], signal);
      },
      signal,
    );
    this.#madeStage = false;
  }

  async #clear(signal: AbortSignal): Promise<void> {
    if (this.#staged) await this.#dropStage(signal);
    await this.#clearOf(this.#opened, signal);
  }

  /** Removes what this run has made and not used: never a table with a row in it. */
  async #clearOf({ session, driver, place }: OpenOutput, signal: AbortSignal): Promise<void> {
    const connection = session.current;
    if (connection === null) return;
    const { dialect } = driver;
    if (this.#madeStage) await connection.execute(`DROP TABLE ${dialect.tableName(place.stage)}`, [], signal);
    this.#madeStage = false;
    const table = dialect.tableName(place.table);
    if (this.#madeTable && (await countRows(connection, table, signal)) === 0)
      await connection.execute(`DROP TABLE ${table}`, [], signal);
    this.#madeTable = false;
  }
}
