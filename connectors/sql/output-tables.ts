import type { Schema } from '../../src/sdk.ts';
import type { CanonicalRows, SqlConnection } from './driver.ts';
import { countRows } from './former-runs.ts';
import type { OutputBeginning } from './output-beginning.ts';
import { TableLoader } from './table-loader.ts';
import type { TakenOutput } from './taken-output.ts';
import { createStatements, newTarget, type TargetTable, targetOf } from './target-table.ts';

/** What is known when the tables are made. */
export interface RowsToCome {
  readonly schema: Schema;
  /** Some rows, to see what they are like where the schema does not say. */
  readonly sample: CanonicalRows;
  /** Whether rows of the run are durable already. */
  readonly areContinued: boolean;
}

/** The table of an output and its stage, as this run finds or makes them, and clears them up. */
export class OutputTables {
  readonly #taken: TakenOutput;
  /** Whether rows go to a stage until the end. */
  readonly staged: boolean;
  #loader: TableLoader | null = null;
  /** Whether this run has made the table, by itself or before it was continued, or the stage. */
  #madeTable: boolean;
  #madeStage = false;

  constructor(taken: TakenOutput, { staged, madeTable }: Pick<OutputBeginning, 'staged' | 'madeTable'>) {
    this.#taken = taken;
    this.staged = staged;
    this.#madeTable = madeTable;
  }

  /** What brings rows in; null before `prepare`. */
  get loader(): TableLoader | null {
    return this.#loader;
  }

  /** Finds the columns, and makes the table, if rows go there straight, and the stage. Outside a transaction. */
  async prepare(connection: SqlConnection, rows: RowsToCome, signal: AbortSignal): Promise<void> {
    const { place, dialect, output } = this.#taken;
    let target = await this.#target(connection, rows, signal);
    if (target.create.length > 0 && !this.staged) {
      try {
        for (const sql of target.create) await connection.execute(sql, [], signal);
        this.#madeTable = true;
      } catch (error) {
        // Parts of one table begin at the same time, and one of them is the first.
        const found = await connection.describeTable(place.table, signal);
        if (found === null) throw error;
        target = targetOf(found, rows.schema, output, dialect);
      }
    }
    const { statement } = output;
    const loader = new TableLoader(target, dialect, { statement, atOnce: this.staged, stage: place.stage });
    if (!this.staged || !rows.areContinued) {
      await loader.makeStage(connection, signal);
      this.#madeStage = this.staged;
    }
    this.#loader = loader;
  }

  /** A new connection: what belongs to one is made anew. */
  async reconnected(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    if (this.#loader?.stagesPerConnection === true) await this.#loader.makeStage(connection, signal);
  }

  /** Whether the table is still to be made at the end, and cannot be in the transaction that fills it. */
  get wantsTableApart(): boolean {
    const { place, dialect } = this.#taken;
    return this.staged && place.found === null && dialect.createsInTransaction !== true;
  }

  /** Makes the table of staged rows, unless it is there. */
  async makeTable(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { table, create } = this.#loader!.target;
    if ((await connection.describeTable(table, signal)) !== null) return;
    for (const sql of create) await connection.execute(sql, [], signal);
  }

  /** Removes the stage of rows that are in the table, or not wanted any more. */
  async dropStage(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { place, dialect } = this.#taken;
    if ((await connection.describeTable(place.stage, signal)) !== null)
      await connection.execute(`DROP TABLE ${dialect.tableName(place.stage)}`, [], signal);
    this.#madeStage = false;
  }

  /** Removes what this run has made and not used: never a table with a row in it. */
  async clear(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    const { place, dialect } = this.#taken;
    if (this.#madeStage) await connection.execute(`DROP TABLE ${dialect.tableName(place.stage)}`, [], signal);
    this.#madeStage = false;
    const table = dialect.tableName(place.table);
    if (this.#madeTable && (await countRows(connection, table, signal)) === 0)
      await connection.execute(`DROP TABLE ${table}`, [], signal);
    this.#madeTable = false;
  }

  async #target(
    connection: SqlConnection,
    { schema, sample, areContinued }: RowsToCome,
    signal: AbortSignal,
  ): Promise<TargetTable> {
    const { place, dialect, output } = this.#taken;
    if (place.found !== null) return targetOf(place.found, schema, output, dialect);
    const made = newTarget(place.table, schema, sample, output, dialect);
    if (!this.staged || !areContinued) return made;
    // The stage of the run before has the types that the table is to have.
    const stage = await connection.describeTable(place.stage, signal);
    const columns = made.columns.map((column) => stage?.columns.find(({ name }) => name === column.name) ?? column);
    return { ...made, columns, create: createStatements(place.table, columns, dialect) };
  }
}
