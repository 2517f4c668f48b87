import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';

const never = new AbortController().signal;

// Each part of a live topic has a connection of its own, in one process. SQLite waits for a transaction by holding the thread, for ten
// seconds, in which the one that is waited for goes on: partitions were lost to the group meanwhile.
test('who waits for a transaction in SQLite does not keep it from its end', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-sqlite-'));
  const driver = await sqlDriver({
    jdbcUrl: `jdbc:sqlite:${join(folder, 'x.db')}?create=true`,
    user: null,
    password: null,
    connectMs: 1_000,
    fetchSize: null,
    jars: [],
    driverClass: null,
  });
  await using one = await driver.connect(never);
  await using two = await driver.connect(never);
  await using three = await driver.connect(never);
  await one.execute('CREATE TABLE t (x)', [], never);
  const began = performance.now();
  await one.begin(never);
  await one.execute('INSERT INTO t VALUES (1)', [], never);
  const waiting = [two.begin(never), three.tryLock('part', never)] as const;
  await one.commit(never);
  await waiting[0];
  await two.execute('INSERT INTO t VALUES (2)', [], never);
  await two.commit(never);
  expect(await waiting[1]).toBe(true);
  expect(await one.query('SELECT x FROM t', [], never)).toEqual([[1], [2]]);
  expect(performance.now() - began).toBeLessThan(5_000);
  rmSync(folder, { recursive: true });
});
