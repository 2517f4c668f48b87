import { describe, expect, test } from 'vitest';
import type { SqlConnection } from '../../connectors/sql/driver.ts';
import { needs } from '../support/services/needs.ts';
import { newH2, newMariaDb, newPostgres } from '../support/sql-databases.ts';

const { signal } = new AbortController();
const table = { catalog: null, schema: null, name: 't' };

describe.each([
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb() },
  { name: 'MariaDB by INSERT', group: needs('mariadb'), make: () => newMariaDb('?allowLocalInfile=false') },
  { name: 'H2 by JDBC', group: needs('jdbc'), make: () => newH2() },
])('$name', ({ group, make }) => {
  group('given a value that is not of the type of its column', () => {
    test('refuses its row, and takes the others as they are', async () => {
      await using database = await make();
      const { connection } = database;
      await connection.execute('CREATE TABLE t (whole int, born date)', [], signal);
      const refused: string[] = [];
      for (const row of [
        '1.5,',
        '"0.5",',
        '-2.25e0,',
        '15e-1,',
        ',2024-01-31xyz',
        ',2024-01-31 noon',
        ',"2024-01-31, late"',
      ])
        if (await isRefused(connection, row)) refused.push(row);
      expect(refused).toHaveLength(7);
      for (const row of ['7,2024-01-31', '"-8","2024-02-29"', ','])
        expect(await isRefused(connection, row)).toBe(false);
      expect(await connection.query('SELECT COUNT(*), SUM(whole) FROM t', [], signal)).toEqual([
        [3, expect.toSatisfy((sum) => Number(sum) === -1)],
      ]);
    });
  });
});

/** Whether a row of canonical CSV is refused for what it holds. */
async function isRefused(connection: SqlConnection, row: string): Promise<boolean> {
  const bytes = Buffer.from(`${row}\n`);
  const found = await connection.describeTable(table, signal);
  await connection.begin(signal);
  try {
    await connection.load({ table, columns: found!.columns }, { bytes, ends: Uint32Array.of(bytes.length) }, signal);
    await connection.commit(signal);
    return false;
  } catch (error) {
    await connection.rollback(signal);
    expect(error).toMatchObject({ kind: 'row' });
    return true;
  }
}
