import { type Clock, encodeRecords, keptLetterLine, type Manifest, SluiceError } from '../../src/sdk.ts';
import { ChainedHash } from './chained-hash.ts';
import { databaseError } from './database-error.ts';
import type { CanonicalRows, SqlConnection, SqlDriver } from './driver.ts';
import { finishedRows, lettersOfParts } from './finished-rows.ts';
import { findOutput, type OutputPlace } from './output-place.ts';
import { OutputSession } from './output-session.ts';
import { type Replacement, replaceRows } from './replaced-rows.ts';
import { RowChunk, runTail } from './row-chunk.ts';
import { sqlDriver } from './sql-drivers.ts';
import { SqlFault } from './sql-fault.ts';
import { type SqlOutput, tableOf } from './sql-output.ts';
import type { SqlAccess } from './sql-settings.ts';
import type { LedgerRow, StateTables } from './state-tables.ts';
import { type NumberedLetter, readLetters } from './table-letters.ts';
import { TableLoader } from './table-loader.ts';
import { type TargetTable, targetOf } from './target-table.ts';
import { UpdatedRows } from './updated-rows.ts';
import { holdsOf, withHolds } from './written-so-far.ts';

/** A run that has finished, or a part of a live topic, under way to be completed. Its methods are called one at a time. */
export interface FinishedRun {
  readonly manifest: Manifest;
  /** Does work, and does it again from its beginning after a deadlock: others may write the table meanwhile. What threw is undone. */
  insist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Its dead letters in their order. */
  letters(signal: AbortSignal): AsyncIterable<NumberedLetter>;
  /**
   * Puts rows in the place of those that stand there for their letters; of a live topic where rows are set by their keys, the newest rows first.
   * @param numbers of these letters; they go. @param again those of them that stay, as they are to be kept now.
   */
  replace(
    rows: Replacement,
    numbers: readonly number[],
    again: readonly NumberedLetter[],
    signal: AbortSignal,
  ): Promise<void>;
  /** What was replaced becomes durable, with what the manifest is to say now. @param facts all but the objects. */
  finish(facts: Omit<Manifest, 'objects' | 'columns'>, signal: AbortSignal): Promise<Manifest>;
}

export interface FinishedRunsOptions {
  readonly access: SqlAccess;
  readonly output: SqlOutput;
  /** Whether the parts of a live topic are wanted, which may be written at the same time. */
  readonly parts: boolean;
  readonly clock: Clock;
}

/**
 * Opens the finished runs of an output to complete them, one after the other, each in one transaction; what is not finished when `work`
 * returns or throws is undone. Of a live topic the parts that are finished and have dead letters, the last ones first. Throws OUTPUT_LOCKED while
 * a run, or another replay, writes the table (a live topic writes its parts, which is no hindrance), OUTPUT_UNWRITABLE when none has finished.
 */
export async function withFinishedRuns(
  { access, output, parts: areParts, clock }: FinishedRunsOptions,
  work: (runs: readonly FinishedRun[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const driver = await sqlDriver(access);
  const name = tableOf(output);
  const locking = new OutputSession(driver, access.connectMs, clock, {
    lockName: async (connection, until) => `the table ${(await findOutput(connection, output, until)).key}`,
    onConnected: async () => undefined,
    onUndone: () => undefined,
  });
  try {
    // What is lost with the connection was never done: the replay is begun anew by whoever wants it.
    const connection = await locking.insist(`opening ${name}`, async (ready) => ready, signal);
    const place = await findOutput(connection, output, signal);
    const taken = { dialect: driver.dialect, place, name };
    const found = await (areParts ? lettersOfParts : finishedRows)(connection, taken, signal);
    const updated = new UpdatedRows();
    const parts = { driver, connection, output, place, clock, updated: areParts ? updated : null };
    const runs = found.flatMap(({ state, row }) =>
      row.manifest === null ? [] : [new Completion({ ...parts, state }, row, row.manifest)],
    );
    try {
      await work(runs);
    } finally {
      for (const run of runs) await run.undo(signal);
    }
  } catch (error) {
    throw databaseError(error, { driver, doing: `completing ${name}` });
  } finally {
    await locking.close();
  }
}

interface CompletionParts {
  readonly driver: SqlDriver;
  readonly connection: SqlConnection;
  readonly output: SqlOutput;
  readonly place: OutputPlace;
  readonly state: StateTables;
  readonly clock: Clock;
  /** Of the parts of a live topic; null: nobody has written since. */
  readonly updated: UpdatedRows | null;
}

const NOTHING = new Uint8Array(0);
/** How often the work on a run is done again after deadlocks, and how long it is waited for at first. */
const MOST_TRIES = 8;
const FIRST_WAIT_MS = 50;

class Completion implements FinishedRun {
  readonly manifest: Manifest;
  readonly #parts: CompletionParts;
  readonly #row: LedgerRow;
  readonly #tail: Uint8Array;
  #rowsHash: ChainedHash;
  #prepared: { readonly target: TargetTable; readonly loader: TableLoader } | null = null;
  #inTransaction = false;

  constructor(parts: CompletionParts, row: LedgerRow, manifest: Manifest) {
    const holds = holdsOf(row.ledger);
    this.manifest = manifest;
    this.#parts = parts;
    this.#row = row;
    this.#tail = holds.runColumn === null ? NOTHING : runTail(row.run);
    this.#rowsHash = new ChainedHash(holds.mark);
  }

  async insist<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const { clock } = this.#parts;
    for (let tries = 1; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        await this.undo(signal);
        const isConflict = error instanceof SqlFault && error.kind === 'conflict';
        if (!isConflict || tries >= MOST_TRIES) throw error;
        await clock.sleep(FIRST_WAIT_MS * 2 ** tries * (0.5 + clock.random() / 2), signal);
      }
    }
  }

  letters(signal: AbortSignal): AsyncIterable<NumberedLetter> {
    return readLetters(this.#parts.state, this.#row.run, this.#parts.connection, signal);
  }

  async replace(
    { blank, scored }: Replacement,
    numbers: readonly number[],
    again: readonly NumberedLetter[],
    signal: AbortSignal,
  ): Promise<void> {
    const { connection, driver, output, place, state, updated } = this.#parts;
    const { target, loader } = await this.#prepare(signal);
    if (!this.#inTransaction) await connection.begin(signal);
    this.#inTransaction = true;
    const stage = { catalog: null, schema: null, name: place.stage.name };
    const table = { target, stage, dialect: driver.dialect };
    const rows = { blank: this.#whole(blank), scored: this.#whole(scored) };
    if (output.statement === 'insert') await replaceRows(connection, table, rows, signal);
    else {
      const wanted = updated === null ? rows.scored : await updated.newest(connection, table, rows, signal);
      const chunk = new RowChunk(NOTHING);
      chunk.add(wanted, { split: '', firstRow: 0 });
      if (chunk.count > 0) await loader.load(connection, chunk, refuse, signal);
    }
    const { run } = this.#row;
    await state.removeLetters(connection, run, numbers, signal);
    const lines = again.map(({ number, letter }) => state.letterFields(run, number, keptLetterLine(letter).trimEnd()));
    if (lines.length > 0) await connection.load(state.letterTarget, encodeRecords(lines), signal);
    this.#rowsHash.update(scored.bytes);
  }

  async finish(facts: Omit<Manifest, 'objects' | 'columns'>, signal: AbortSignal): Promise<Manifest> {
    const { connection, state } = this.#parts;
    const holds = holdsOf(this.#row.ledger);
    const hash = new ChainedHash();
    let letters = 0;
    for await (const { letter } of this.letters(signal)) {
      hash.update(Buffer.from(keptLetterLine(letter)));
      letters += 1;
    }
    const [mark, letterMark] = [this.#rowsHash.mark, hash.mark];
    const { manifest: before } = this;
    const objects = before.objects.flatMap((object): Manifest['objects'] => {
      if (object.role === 'rows') return [{ ...object, bytes: mark.bytes, sha256Chain: mark.digest }];
      return letters === 0
        ? []
        : [{ ...object, records: letters, bytes: letterMark.bytes, sha256Chain: letterMark.digest }];
    });
    const manifest: Manifest = { ...facts, columns: before.columns, objects };
    const { tally, model, models, statistics } = facts;
    const ledger = withHolds(
      {
        ...this.#row.ledger,
        tally,
        model,
        ...(models === undefined ? {} : { models }),
        ...(statistics === undefined ? {} : { statistics }),
      },
      { ...holds, letters, mark, letterMark },
    );
    await state.writeFinished(connection, { ...this.#row, ledger, manifest }, signal);
    await connection.commit(signal);
    this.#inTransaction = false;
    this.#parts.updated?.settled();
    return manifest;
  }

  async undo(signal: AbortSignal): Promise<void> {
    if (!this.#inTransaction) return;
    this.#inTransaction = false;
    this.#rowsHash = new ChainedHash(holdsOf(this.#row.ledger).mark);
    this.#parts.updated?.undone();
    // A connection that is lost has undone it by itself.
    await this.#parts.connection.rollback(signal).catch(() => undefined);
  }

  /** The columns, and a stage, which is made outside a transaction. */
  async #prepare(signal: AbortSignal): Promise<{ readonly target: TargetTable; readonly loader: TableLoader }> {
    if (this.#prepared !== null) return this.#prepared;
    const { connection, driver, output, place } = this.#parts;
    const { dialect } = driver;
    const schema = { columns: this.manifest.columns.map((name) => ({ name })) };
    const target = targetOf(place.found!, schema, output, dialect);
    const { statement } = output;
    const loader = new TableLoader(target, dialect, { statement, atOnce: false, stage: place.stage });
    if (statement === 'insert') {
      const stage = { catalog: null, schema: null, name: place.stage.name };
      for (const sql of dialect.createStage({ stage, table: target.table, columns: target.columns, lasting: false }))
        await connection.execute(sql, [], signal);
    } else await loader.makeStage(connection, signal);
    this.#prepared = { target, loader };
    return this.#prepared;
  }

  /** With the run's ID behind each row, where the table has a column for it. */
  #whole(rows: CanonicalRows): CanonicalRows {
    const chunk = new RowChunk(this.#tail);
    chunk.add(rows, { split: '', firstRow: 0 });
    return chunk.rows;
  }
}

/** A row that the table refuses now: it was scored, and has no place. */
function refuse({ row, reason }: { readonly row: number; readonly reason: string }): never {
  throw new SluiceError(
    'OUTPUT_TYPE',
    `The table refuses row ${row + 1} of those that were scored now: ${reason}. Nothing was written. Correct the table.`,
  );
}
