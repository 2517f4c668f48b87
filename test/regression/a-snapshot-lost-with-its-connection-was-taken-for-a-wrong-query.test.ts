import { expect, test } from 'vitest';
import { needs } from '../support/services/needs.ts';
import { newPostgres } from '../support/sql-databases.ts';

const { signal } = new AbortController();

needs('postgres')('reading by several connections', () => {
  test('is begun anew when the one that held the snapshot is lost while another joins it', async () => {
    await using database = await newPostgres();
    await using first = await database.driver.connect(signal);
    await using second = await database.driver.connect(signal);
    const snapshot = await first.snapshot(null, signal);
    await first.close();
    await expect(second.snapshot(snapshot, signal)).rejects.toMatchObject({ kind: 'connection' });
  });
});
