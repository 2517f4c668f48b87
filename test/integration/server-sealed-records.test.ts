import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DefinitionRecord } from '../../src/jobs/definitions/definition-record.ts';
import { DefinitionStore } from '../../src/jobs/definitions/definition-store.ts';
import { JobStore } from '../../src/jobs/queue/store/job-store.ts';
import { createSeal, type Seal } from '../../src/jobs/queue/store/seal.ts';
import { SealedRecords } from '../../src/jobs/queue/store/sealed-records.ts';
import { sealingKeys } from '../../src/jobs/queue/store/sealing-keys.ts';
import { storeAddress } from '../../src/jobs/queue/store/store-address.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { closeServerStore, serverStore } from '../support/server-store.ts';
import { needs } from '../support/services/needs.ts';
import { newPostgres, newSqlite, type TestDatabase } from '../support/sql-databases.ts';

type Content = { readonly user: string; readonly password: string };

const SECRET = 'correct horse battery staple';
const content: Content = { user: 'anna', password: SECRET };
const { signal } = new AbortController();

const newKey = (): string => randomBytes(32).toString('hex');
const sealOf = (key: string, old = '') => createSeal(sealingKeys({ env: { SLUICE_KEY: key, SLUICE_KEY_OLD: old } })!);

describe.each([
  { name: 'SQLite', group: describe, make: newSqlite },
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
])('sealed records in $name', ({ group, make }) => {
  group('of a server', () => {
    let database: TestDatabase;
    beforeEach(async () => {
      database = await make();
    });
    afterEach(() => closeServerStore(database));

    const key = newKey();
    const open = async (seal: ReturnType<typeof sealOf> | null = sealOf(key)) =>
      SealedRecords.open<Content>('credential', await serverStore(database), seal, new ManualClock());
    const kept = async (): Promise<string> =>
      JSON.stringify(
        await database.connection.query('SELECT id, owner, name, sealed FROM sluice_credentials', [], signal),
      );

    test('are found again, and hold nothing to be read', async () => {
      const records = await open();
      const made = await records.create('anna', 'warehouse', content);
      expect(await records.find(made.id, 'anna')).toEqual(made);
      expect(await records.list('anna')).toEqual([made]);
      expect(await kept()).not.toContain(SECRET);
      expect(await kept()).not.toContain(Buffer.from(SECRET).toString('base64').slice(0, 20));
    });

    test("another's is not there", async () => {
      const records = await open();
      const { id } = await records.create('anna', 'warehouse', content);
      expect(await records.find(id, 'bert')).toBeNull();
      expect(await records.list('bert')).toEqual([]);
      expect(await records.remove(id, 'bert')).toBe(false);
      expect(await records.find(id, null)).toMatchObject({ owner: 'anna' });
      expect(await records.remove(id, 'anna')).toBe(true);
      expect(await records.find(id, 'anna')).toBeNull();
    });

    test('one that was put in the place of another cannot be opened', async () => {
      const records = await open();
      const [one, other] = [await records.create('anna', 'a', content), await records.create('bert', 'b', content)];
      await database.connection.execute(
        `UPDATE sluice_credentials SET sealed = (SELECT sealed FROM sluice_credentials WHERE id = '${one.id}') WHERE id = '${other.id}'`,
        [],
        signal,
      );
      await expect(records.find(other.id, 'bert')).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
      expect(await records.list('bert')).toEqual([]);
    });

    test('one that somebody took for himself cannot be opened', async () => {
      const records = await open();
      const { id } = await records.create('anna', 'a', content);
      await database.connection.execute("UPDATE sluice_credentials SET owner = 'bert'", [], signal);
      await expect(records.find(id, 'bert')).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
    });

    test('are sealed anew when the key is changed, so that the old one can be given up', async () => {
      const made = await (await open()).create('anna', 'warehouse', content);
      const next = newKey();
      expect(await (await open(sealOf(next, key))).find(made.id, 'anna')).toEqual(made);
      expect(await (await open(sealOf(next))).find(made.id, 'anna')).toEqual(made);
      await expect((await open(sealOf(key))).find(made.id, 'anna')).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
    });

    test('are not made without a key, and those that are there are kept', async () => {
      const made = await (await open()).create('anna', 'warehouse', content);
      const without = await open(null);
      await expect(without.create('anna', 'more', content)).rejects.toThrow(/SLUICE_KEY/);
      await expect(without.find(made.id, 'anna')).rejects.toThrow(/SLUICE_KEY/);
      expect(await without.list(null)).toEqual([]);
      expect(await (await open()).find(made.id, 'anna')).toEqual(made);
    });

    test("' OR 1=1 is the name of nobody", async () => {
      const records = await open();
      await records.create('anna', "'); DROP TABLE sluice_credentials; --", content);
      for (const text of ["' OR 1=1 --", '%', '\u0000', "0' OR '0'='0", '0'.repeat(25)]) {
        expect(await records.find(text, null)).toBeNull();
        expect(await records.remove(text, null)).toBe(false);
      }
      expect(await records.list("anna' --")).toEqual([]);
      expect(await records.list('anna')).toHaveLength(1);
    });
  });
});

test('a definition is sealed, and sealed anew when the key is changed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-definitions-'));
  const address = storeAddress(null, folder);
  const user = { userId: 'u', username: 'anna', fullName: 'Anna' };
  const none = { nextRun: null, run: null, lastStarted: null, lastFailed: null, lastSuccessful: null };
  const record: DefinitionRecord = {
    id: 'a'.repeat(24),
    revision: 1,
    name: 'nightly',
    enabled: false,
    schedule: null,
    createdBy: user,
    updatedBy: user,
    created: 1,
    updated: 1,
    deploymentId: 'd',
    failures: 0,
    ...none,
    lastScheduled: null,
    body: { deploymentId: 'd', password: SECRET },
  };
  /** What a server with this key has, and what stands in its file. */
  const withKey = async (seal: Seal, work: (store: DefinitionStore) => Promise<unknown>): Promise<string> => {
    await using jobs = await JobStore.open(address, seal);
    await work(await DefinitionStore.open(jobs));
    const [row] = await jobs.session.use((store) => store.query('SELECT body FROM sluice_definitions'));
    return String(row?.[0]);
  };
  const [key, next] = [newKey(), newKey()];
  try {
    const kept = await withKey(sealOf(key), (store) => store.insert(record));
    expect(kept).not.toContain(SECRET);
    const anew = await withKey(sealOf(next, key), async (store) => expect(await store.get(record.id)).toEqual(record));
    expect(anew.slice(0, sealOf(next).prefix.length)).toBe(sealOf(next).prefix);
    await withKey(sealOf(next), async (store) => expect(await store.get(record.id)).toEqual(record));
    await expect(withKey(sealOf(key), async () => undefined)).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
