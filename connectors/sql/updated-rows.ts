import { decodeRecord } from '../../src/sdk.ts';
import { STAGE_ROW } from './dialect.ts';
import type { CanonicalRows, SqlConnection } from './driver.ts';
import type { Replacement } from './replaced-rows.ts';
import { type StagedTable, stageAlike } from './row-likeness.ts';

/**
 * Which rows of a live topic may be set by their keys again: where the table has the row as it was when it could not be scored. Where it has
 * another one a newer message of that key was written since, which must stay. Newer rows are to be asked for before older ones: of
 * one key only the first one that is asked for counts, as one that failed again is newer than all behind it.
 */
export class UpdatedRows {
  /** Keys that rows were of; those of the open transaction apart. */
  readonly #keys = new Set<string>();
  readonly #open = new Set<string>();

  async newest(
    connection: SqlConnection,
    table: StagedTable,
    { blank, scored }: Replacement,
    signal: AbortSignal,
  ): Promise<CanonicalRows> {
    const { target, stage, dialect } = table;
    const looked = new Set([...target.match, ...target.set]);
    const compared = target.columns.filter(({ name }) => looked.has(name));
    const alike = await stageAlike(connection, table, blank, compared, signal);
    const number = dialect.quote(STAGE_ROW);
    const rows = await connection.query(
      `SELECT s.${number}, CASE WHEN EXISTS (SELECT 1 FROM ${dialect.tableName(target.table)} t WHERE ${alike('t', 's')}) THEN 1 ELSE 0 END ` +
        `FROM ${dialect.tableName(stage)} s ORDER BY s.${number}`,
      [],
      signal,
    );
    const keyed = target.match.map((name) => target.columns.findIndex((column) => column.name === name));
    const pieces: Uint8Array[] = [];
    for (let row = rows.length - 1; row >= 0; row -= 1) {
      const [start, end] = [row === 0 ? 0 : scored.ends[row - 1]!, scored.ends[row]!];
      const fields = decodeRecord(scored.bytes, start, end);
      const key = JSON.stringify(keyed.map((at) => fields[at] ?? null));
      const isShadowed = this.#keys.has(key) || this.#open.has(key);
      this.#open.add(key);
      if (!isShadowed && Number(rows[row]![1]) === 1) pieces.push(scored.bytes.subarray(start, end));
    }
    let at = 0;
    return { bytes: Buffer.concat(pieces), ends: Uint32Array.from(pieces, (piece) => (at += piece.length)) };
  }

  /** The transaction is undone. */
  undone(): void {
    this.#open.clear();
  }

  settled(): void {
    for (const key of this.#open) this.#keys.add(key);
    this.#open.clear();
  }
}
