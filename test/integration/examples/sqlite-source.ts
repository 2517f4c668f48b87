import { existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import * as sdk from 'sluice/sdk';

const SPLIT = 10_000;

/** The rows of a table of a SQLite file by rowid, so many rowids a split. A position is the rows that were read, and the last rowid. */
export function createSqliteSource(file: string, table: string): sdk.Source {
  const name = `"${table.replaceAll('"', '""')}"`;
  let db: DatabaseSync | undefined;
  const open = (): DatabaseSync => {
    if (!existsSync(file)) throw new sdk.SluiceError('INTAKE_NOT_FOUND', `There is no file ${file}. Check its path.`);
    db ??= new DatabaseSync(file, { readOnly: true });
    if (db.prepare('SELECT 1 FROM sqlite_master WHERE name = ?').get(table) !== undefined) return db;
    throw new sdk.SluiceError('INTAKE_NOT_FOUND', `There is no table ${table} in ${file}. Check its name.`);
  };
  const close = async (): Promise<void> => db?.close();
  return {
    bytesRead: 0,
    check: async () => void open(),
    identity: async () => open() && { file, table, modified: statSync(file).mtimeMs },
    splits: async () => {
      const parts = open().prepare(`SELECT DISTINCT rowid / ${SPLIT} AS part FROM ${name} ORDER BY part`);
      return parts.all().map(({ part }) => ({ id: String(part), bytes: null }));
    },
    async *read({ id: split }, after, limits, signal) {
      const [firstRow, last] = (after ?? [0, Number(split) * SPLIT - 1]) as [number, number];
      const query = open().prepare(`SELECT rowid, * FROM ${name} WHERE rowid BETWEEN ? AND ? ORDER BY rowid`);
      const schema = sdk.schemaOf(
        query
          .columns()
          .slice(1)
          .map((column) => column.name),
      );
      query.setReturnArrays(true);
      query.setReadBigInts(true);
      function* placed(): Generator<sdk.PlacedRow> {
        let row = firstRow;
        for (const found of query.iterate(last + 1, (Number(split) + 1) * SPLIT - 1)) {
          const [rowid, ...values] = found as unknown as sdk.Value[];
          yield { values, position: [(row += 1), Number(rowid)] };
        }
      }
      yield* sdk.batchesOf(placed(), { split, schema, after, firstRow, limits }, signal);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
