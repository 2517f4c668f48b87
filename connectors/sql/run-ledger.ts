import {
  columnNames,
  encodeRecords,
  type Ledger,
  ledgerAfter,
  type Manifest,
  type ManifestFacts,
  type Schema,
  type ScoredBatch,
  SluiceError,
} from '../../src/sdk.ts';
import { ChainedHash } from './chained-hash.ts';
import type { SqlConnection } from './driver.ts';
import type { LoadedChunk } from './held-chunks.ts';
import type { OutputBeginning } from './output-beginning.ts';
import { manifestOf } from './output-manifest.ts';
import { tableOf } from './sql-output.ts';
import type { LedgerRow } from './state-tables.ts';
import type { TakenOutput } from './taken-output.ts';
import { chunkLetters, holdsAfter, holdsMerged, holdsOf, withHolds } from './written-so-far.ts';

/** The ledger of one run, in its three states: what was accepted, what is being committed, and what is durable. */
export class RunLedger {
  readonly #taken: TakenOutput;
  readonly #run: string;
  /** The ledger that the run began with. */
  readonly #begun: Ledger;
  /** Whether the database has that one, before anything is durable. */
  #announced: boolean;
  #accepted: Ledger;
  #durable: Ledger | null;
  /** Whether this was committed, when the connection is lost meanwhile, is for the database to say. */
  #attempted: LedgerRow | null = null;
  #finished: Manifest | null = null;
  /** Of the rows that were accepted, of all runs of the job. */
  readonly #hash: ChainedHash;
  #rows: number;

  constructor(taken: TakenOutput, { run, announced, durable, accepted, rows }: OutputBeginning) {
    this.#taken = taken;
    this.#run = run;
    this.#begun = accepted;
    this.#announced = announced;
    this.#durable = durable;
    this.#accepted = accepted;
    this.#rows = rows;
    this.#hash = new ChainedHash(holdsOf(accepted).mark);
  }

  get accepted(): Ledger {
    return this.#accepted;
  }

  /** Null as long as nothing is. */
  get durable(): Ledger | null {
    return this.#durable;
  }

  /** Null as long as the run is not finished. */
  get finished(): Manifest | null {
    return this.#finished;
  }

  /** Rows that were accepted, of all runs of the job. */
  get rows(): number {
    return this.#rows;
  }

  /** Rows that the table refused, of those that are durable. */
  get refused(): number {
    return holdsOf(this.#accepted).refused;
  }

  accept(batch: ScoredBatch, schema: Schema): void {
    this.#hash.update(batch.output.bytes);
    this.#rows += batch.output.ends.length;
    this.#accepted = ledgerAfter(this.#accepted, batch, columnNames(schema));
  }

  /** Says, in a transaction of its own, that the run makes the table: should it be killed, the next one knows whose the empty table is. */
  async announce(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    if (this.#announced) return;
    const row: LedgerRow = { run: this.#run, state: 'open', ledger: this.#begun, manifest: null };
    await this.#taken.state.write(connection, row, null, signal);
    this.#announced = true;
  }

  /** Takes that back, of a run that has written nothing. */
  async withdraw(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    if (this.#announced) await this.#taken.state.remove(connection, this.#run, signal);
    this.#announced = false;
  }

  /**
   * Writes what was accepted, with the dead letters of its chunks, in the open transaction.
   * @param tail bytes at the end of each row that are ours.
   */
  async write(
    connection: SqlConnection,
    chunks: readonly LoadedChunk[],
    tail: number,
    signal: AbortSignal,
  ): Promise<void> {
    const before = holdsOf(this.#accepted);
    const letters = chunks.flatMap((loaded) => chunkLetters(loaded, tableOf(this.#taken.output), tail));
    await this.#writeLetters(connection, before.letters, letters, signal);
    const ledger = withHolds(this.#accepted, holdsAfter(before, chunks, letters, this.#hash.mark));
    await this.#attempt(connection, { run: this.#run, state: 'open', ledger, manifest: null }, signal);
  }

  /**
   * Writes, in the open transaction, that the run is finished.
   * @param refused dead letters of the rows that the table refused when the stage was merged; null where there is no stage.
   */
  async writeEnd(
    connection: SqlConnection,
    facts: ManifestFacts,
    schema: Schema,
    refused: readonly string[] | null,
    signal: AbortSignal,
  ): Promise<void> {
    const { place, state } = this.#taken;
    const before = holdsOf(this.#accepted);
    await this.#writeLetters(connection, before.letters, refused ?? [], signal);
    const holds = refused === null ? before : holdsMerged(before, refused);
    const ledger = withHolds({ ...this.#accepted, columns: columnNames(schema) }, holds);
    const manifest = manifestOf(facts, ledger, place.key, state.lettersName);
    await this.#attempt(connection, { run: this.#run, state: 'finished', ledger, manifest }, signal);
  }

  /** What was attempted is durable. */
  settle(): void {
    const { ledger, state, manifest } = this.#attempted!;
    this.#attempted = null;
    this.#announced = false;
    this.#durable = ledger;
    this.#accepted = ledger;
    if (state === 'finished') this.#finished = manifest;
  }

  /**
   * Whether what was attempted when the connection was lost is in the database. If not, all is as it was left; throws OUTPUT_LOCKED where it is not.
   * @param rows what the database has now.
   */
  cameThrough(rows: readonly LedgerRow[]): boolean {
    const own = rows.find(({ run }) => run === this.#run);
    const attempted = this.#attempted;
    if (attempted !== null && own?.state === attempted.state && own.ledger.sequence === attempted.ledger.sequence)
      return true;
    this.#attempted = null;
    const isAsLeft = (own?.ledger.sequence ?? 0) === (this.#durable?.sequence ?? 0);
    const others = rows.some(({ run, state }) => run !== this.#run && state === 'open');
    if (!isAsLeft || others) throw this.#takenOver();
    // The answer to this may have been lost, too.
    this.#announced = own !== undefined && this.#durable === null;
    return false;
  }

  /** The run as it is in the database; null when it is not. */
  get row(): LedgerRow | null {
    const [run, ledger] = [this.#run, this.#durable];
    return ledger === null ? null : { run, state: 'open', ledger, manifest: null };
  }

  /** Nothing of the run is in the database any more. */
  removed(): void {
    this.#durable = null;
  }

  async #writeLetters(
    connection: SqlConnection,
    before: number,
    lines: readonly string[],
    signal: AbortSignal,
  ): Promise<void> {
    const { state } = this.#taken;
    if (lines.length === 0) return;
    const rows = encodeRecords(lines.map((line, index) => state.letterFields(this.#run, before + index + 1, line)));
    await connection.load(state.letterTarget, rows, signal);
  }

  async #attempt(connection: SqlConnection, row: LedgerRow, signal: AbortSignal): Promise<void> {
    const before = this.#durable?.sequence ?? (this.#announced ? this.#begun.sequence : null);
    if (!(await this.#taken.state.write(connection, row, before, signal))) throw this.#takenOver();
    this.#attempted = row;
  }

  #takenOver(): SluiceError {
    return new SluiceError(
      'OUTPUT_LOCKED',
      `another run has taken ${tableOf(this.#taken.output)} over while the connection of this one was lost; this one has written nothing since.`,
    );
  }
}
