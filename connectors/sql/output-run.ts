import type { Ledger, Manifest, ManifestFacts, Schema, ScoredBatch } from '../../src/sdk.ts';
import type { SqlConnection } from './driver.ts';
import { removeRuns } from './former-runs.ts';
import { HeldChunks } from './held-chunks.ts';
import type { OutputBeginning } from './output-beginning.ts';
import type { OutputSession } from './output-session.ts';
import { OutputTables } from './output-tables.ts';
import { runTail } from './row-chunk.ts';
import { RunLedger } from './run-ledger.ts';
import { tableOf } from './sql-output.ts';
import type { LedgerRow } from './state-tables.ts';
import type { TakenOutput } from './taken-output.ts';
import { assertFewRefused, refusedLetter } from './written-so-far.ts';

/**
 * One run into one output, from its beginning to its end: which transaction what belongs to, and what is done again when one is undone.
 * The rows are `HeldChunks`', what is written of them the `RunLedger`'s, where they go to the `OutputTables`'.
 */
export class OutputRun {
  readonly #taken: TakenOutput;
  readonly #session: OutputSession;
  /** Finished runs whose rows go when the first ones of this run come. */
  readonly #replaced: readonly LedgerRow[];
  /** What every row gets at its end. */
  readonly #tail: Uint8Array;
  readonly #chunks: HeldChunks;
  readonly #ledger: RunLedger;
  readonly #tables: OutputTables;
  #schema: Schema = { columns: [] };
  #sending: Promise<void> | null = null;

  constructor(taken: TakenOutput, session: OutputSession, beginning: OutputBeginning) {
    const { run, replaced } = beginning;
    this.#taken = taken;
    this.#session = session;
    this.#replaced = replaced;
    this.#tail = taken.output.runColumn === null ? new Uint8Array(0) : runTail(run);
    this.#chunks = new HeldChunks(this.#tail);
    this.#ledger = new RunLedger(taken, beginning);
    this.#tables = new OutputTables(taken, beginning);
  }

  /** What is durable; null when nothing is. */
  get durable(): Ledger | null {
    return this.#ledger.durable;
  }

  async write(batch: ScoredBatch, schema: Schema, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#schema = schema;
    this.#chunks.add(batch, this.#ledger.rows);
    this.#ledger.accept(batch, schema);
    batch.output.release?.();
    if (this.#chunks.gatheredBytes < this.#taken.output.chunkBytes && !this.#chunks.areMany) return;
    // The database works on one chunk while the next one is gathered; what it says to the one comes out with the other.
    await this.#sending;
    this.#chunks.close();
    if (this.#chunks.areMany) await this.commit(signal);
    else {
      this.#sending = this.#send(signal);
      this.#sending.catch(() => undefined);
    }
  }

  async commit(signal: AbortSignal): Promise<Ledger> {
    await this.#idle();
    signal.throwIfAborted();
    const { accepted, durable } = this.#ledger;
    if (accepted.sequence === (durable?.sequence ?? 0)) return durable ?? accepted;
    this.#chunks.close();
    await this.#prepare(signal);
    const work = async (connection: SqlConnection): Promise<void> => {
      // A commit whose answer was lost had come through.
      if (this.#chunks.closed.length === 0) return;
      await this.#load(connection, signal);
      await this.#ledger.write(connection, this.#chunks.closed, this.#tail.length, signal);
      await this.#commit(connection, signal);
    };
    await this.#insist('writing', work, signal);
    return this.#ledger.durable!;
  }

  async publish(facts: ManifestFacts, schema: Schema, signal: AbortSignal): Promise<Manifest> {
    await this.commit(signal);
    this.#schema = schema;
    await this.#prepare(signal);
    const tables = this.#tables;
    if (tables.wantsTableApart)
      await this.#insist('making', (connection) => tables.makeTable(connection, signal), signal);
    const finish = async (connection: SqlConnection): Promise<void> => {
      if (this.#ledger.finished === null) await this.#finish(connection, facts, signal);
    };
    await this.#insist('finishing', finish, signal);
    if (tables.staged) await this.#dropStage(signal);
    return this.#ledger.finished!;
  }

  async discard(): Promise<void> {
    if (this.#ledger.finished !== null) return;
    const { signal } = new AbortController();
    const session = this.#session;
    await this.#idle();
    await session.rollback(signal).catch(() => session.close());
    this.undone();
    const remove = async (connection: SqlConnection): Promise<void> => {
      const own = this.#ledger.row;
      if (own === null) return;
      const table = await connection.describeTable(this.#taken.place.table, signal);
      await session.begin(connection, signal);
      await removeRuns(connection, { ...this.#taken, runs: [own], table }, signal);
      await session.commit(connection, signal);
      this.#ledger.removed();
    };
    await this.#insist('discarding', remove, signal);
    if (this.#tables.staged) await this.#dropStage(signal);
    if (session.current !== null) await this.#clear(session.current, signal);
  }

  async close(): Promise<void> {
    const { signal } = new AbortController();
    await this.#idle();
    try {
      const { current } = this.#session;
      if (current !== null) {
        await this.#session.rollback(signal);
        const { durable, finished } = this.#ledger;
        if (durable === null && finished === null) await this.#clear(current, signal);
      }
    } catch {
      // The next run finds what is left, and knows it by its name.
    } finally {
      await this.#session.close();
    }
  }

  /** The open transaction is undone. */
  undone(): void {
    this.#chunks.undone();
  }

  /** A new connection, with the lock: whether what was being committed is in the ledger, and whether nobody else has been here meanwhile. */
  async reconnected(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    await this.#tables.reconnected(connection, signal);
    if (this.#ledger.cameThrough(await this.#taken.state.rows(connection, signal))) this.#settle();
  }

  async #insist(doing: string, work: (connection: SqlConnection) => Promise<void>, signal: AbortSignal): Promise<void> {
    await this.#session.insist(`${doing} ${tableOf(this.#taken.output)}`, work, signal);
  }

  /** Nothing is being sent any more. If that failed its transaction is undone: whoever needs it done does it again, and hears why it cannot be. */
  async #idle(): Promise<void> {
    await this.#sending?.catch(() => undefined);
    this.#sending = null;
  }

  async #send(signal: AbortSignal): Promise<void> {
    await this.#prepare(signal);
    await this.#insist('writing', (connection) => this.#load(connection, signal), signal);
  }

  /** Once there are rows to say what the tables are like. */
  async #prepare(signal: AbortSignal): Promise<void> {
    if (this.#tables.loader !== null) return;
    const areContinued = this.#ledger.durable !== null;
    const rows = { schema: this.#schema, sample: this.#chunks.sample, areContinued };
    const prepare = async (connection: SqlConnection): Promise<void> => {
      if (this.#taken.output.create === 'must' && !areContinued) await this.#ledger.announce(connection, signal);
      await this.#tables.prepare(connection, rows, signal);
    };
    await this.#insist('preparing', prepare, signal);
  }

  /** Brings the chunks that are not in it yet into the open transaction. */
  async #load(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const isFirst = !this.#session.inTransaction;
    await this.#session.begin(connection, signal);
    if (isFirst && !this.#tables.staged && this.#ledger.durable === null) await this.#replace(connection, signal);
    const loader = this.#tables.loader!;
    await this.#chunks.sendRest(async ({ chunk, refused }) => {
      await loader.load(
        connection,
        chunk,
        (row) => {
          refused.push(row);
          this.#assertFewRefused(0, row.reason);
        },
        signal,
      );
    });
  }

  async #finish(connection: SqlConnection, facts: ManifestFacts, signal: AbortSignal): Promise<void> {
    const { staged } = this.#tables;
    await this.#session.begin(connection, signal);
    if (staged || this.#ledger.durable === null) await this.#replace(connection, signal);
    const refused = staged ? await this.#merge(connection, signal) : null;
    await this.#ledger.writeEnd(connection, facts, this.#schema, refused, signal);
    await this.#commit(connection, signal);
  }

  /** Brings the staged rows into the table. The dead letters of those that it refuses. */
  async #merge(connection: SqlConnection, signal: AbortSignal): Promise<readonly string[]> {
    await this.#tables.makeTable(connection, signal);
    const split = this.#ledger.accepted.through?.split ?? '';
    const letters: string[] = [];
    await this.#tables.loader!.mergeStage(
      connection,
      ({ row, reason, bytes }) => {
        const said = `staged row ${row}: ${tableOf(this.#taken.output)} refused it: ${reason}`;
        letters.push(refusedLetter(split, said, bytes, this.#tail.length));
        this.#assertFewRefused(letters.length, reason);
      },
      signal,
    );
    return letters;
  }

  /** Takes back what the runs have written that this one replaces. */
  async #replace(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const runs = this.#replaced;
    if (runs.length > 0) await removeRuns(connection, { ...this.#taken, runs, table: this.#taken.place.found }, signal);
  }

  /** @param merged rows that were refused of the stage. */
  #assertFewRefused(merged: number, last: string): void {
    const { output } = this.#taken;
    const refused = this.#chunks.refused + merged + this.#ledger.refused;
    assertFewRefused(refused, this.#ledger.accepted, output.failures, { table: tableOf(output), last });
  }

  async #commit(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    await this.#session.commit(connection, signal);
    this.#settle();
  }

  #settle(): void {
    this.#ledger.settle();
    this.#chunks.settle();
  }

  /** Removes what a run without durable rows has made. */
  async #clear(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    await this.#tables.clear(connection, signal);
    await this.#ledger.withdraw(connection, signal);
  }

  async #dropStage(signal: AbortSignal): Promise<void> {
    await this.#insist('removing the stage of', (connection) => this.#tables.dropStage(connection, signal), signal);
  }
}
