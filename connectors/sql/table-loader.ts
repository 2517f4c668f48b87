import type { SqlDialect } from './dialect.ts';
import { STAGE_ROW } from './dialect.ts';
import type { SqlConnection } from './driver.ts';
import { type RefusedRow, withoutRefused } from './refused-rows.ts';
import type { RowChunk } from './row-chunk.ts';
import type { TableName } from './sql-column.ts';
import type { SqlOutput } from './sql-output.ts';
import { mergeStatements } from './stage-merge.ts';
import type { TargetTable } from './target-table.ts';

/** A row that the table refused, with its bytes. */
export interface RefusedBytes extends RefusedRow {
  /** Canonical CSV with its LF. */
  readonly bytes: Uint8Array;
}

type OnRefused = (refused: RefusedBytes) => void;

/** Brings rows into one table within the open transaction: straight, by a stage of the connection, or into a stage that lasts until the end. */
export class TableLoader {
  readonly target: TargetTable;
  readonly #dialect: SqlDialect;
  readonly #stage: TableName;
  readonly #statement: SqlOutput['statement'];
  readonly #atOnce: boolean;

  constructor(
    target: TargetTable,
    dialect: SqlDialect,
    { stage, statement, atOnce }: Pick<SqlOutput, 'statement' | 'atOnce'> & { readonly stage: TableName },
  ) {
    this.target = target;
    this.#dialect = dialect;
    this.#statement = statement;
    this.#atOnce = atOnce;
    // A stage of a connection is in no schema: there it hides nothing.
    this.#stage = atOnce ? stage : { catalog: null, schema: null, name: stage.name };
  }

  /** Makes the stage, outside a transaction. One that lasts is made once, any other for each connection. */
  async makeStage(connection: SqlConnection, signal: AbortSignal): Promise<void> {
    if (!this.#atOnce && this.#statement === 'insert') return;
    const { table, columns } = this.target;
    for (const sql of this.#dialect.createStage({ stage: this.#stage, table, columns, lasting: this.#atOnce }))
      await connection.execute(sql, [], signal);
  }

  /** Whether `makeStage` belongs to every new connection. */
  get stagesPerConnection(): boolean {
    return !this.#atOnce && this.#statement !== 'insert';
  }

  async load(connection: SqlConnection, chunk: RowChunk, onRefused: OnRefused, signal: AbortSignal): Promise<void> {
    const { columns, table } = this.target;
    const straight = !this.#atOnce && this.#statement === 'insert';
    const into = { table: straight ? table : this.#stage, columns };
    const attempt = async (from: number, to: number): Promise<void> => {
      if (this.stagesPerConnection)
        await connection.execute(`DELETE FROM ${this.#dialect.tableName(this.#stage)}`, [], signal);
      await connection.load(into, chunk.slice(from, to), signal);
      if (this.stagesPerConnection) await this.#merge(connection, null, signal);
    };
    await withoutRefused(
      { from: 0, to: chunk.count },
      attempt,
      connection,
      this.#dialect,
      ({ row, reason }) => onRefused({ row, reason, bytes: chunk.slice(row, row + 1).bytes.slice() }),
      signal,
    );
  }

  /** Brings what is staged into the table. */
  async mergeStage(connection: SqlConnection, onRefused: OnRefused, signal: AbortSignal): Promise<void> {
    const stage = this.#dialect.tableName(this.#stage);
    const number = this.#dialect.quote(STAGE_ROW);
    const [edges] = await connection.query(`SELECT MIN(${number}), MAX(${number}) FROM ${stage}`, [], signal);
    if (edges?.[0] === null || edges === undefined) return;
    await withoutRefused(
      { from: Number(edges[0]), to: Number(edges[1]) + 1 },
      (from, to) => this.#merge(connection, { from, to }, signal),
      connection,
      this.#dialect,
      async ({ row, reason }) => onRefused({ row, reason, bytes: await this.#staged(connection, row, signal) }),
      signal,
    );
  }

  async #merge(
    connection: SqlConnection,
    range: { readonly from: number; readonly to: number } | null,
    signal: AbortSignal,
  ): Promise<void> {
    for (const sql of mergeStatements(this.target, this.#stage, this.#statement, range, this.#dialect))
      await connection.execute(sql, [], signal);
  }

  async #staged(connection: SqlConnection, row: number, signal: AbortSignal): Promise<Uint8Array> {
    const read = {
      from: { table: this.#stage },
      columns: this.target.columns,
      where: `${this.#dialect.quote(STAGE_ROW)} = ${row}`,
      orderBy: [],
    };
    const chunks: Buffer[] = [];
    for await (const chunk of connection.read(read, signal)) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  }
}
