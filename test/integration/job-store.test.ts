import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_TALLY } from '../../src/core/scored-batch.ts';
import type { JobRecord } from '../../src/jobs/queue/job-record.ts';
import type { JobFilter } from '../../src/jobs/queue/store/job-filter.ts';
import { JobStore } from '../../src/jobs/queue/store/job-store.ts';
import { type StoreAddress, storeAddress } from '../../src/jobs/queue/store/store-address.ts';
import { StoreSession } from '../../src/jobs/queue/store/store-session.ts';
import { leftOut } from '../support/services/left-out.ts';
import { type PostgresDatabase, postgresDatabase } from '../support/services/postgres.ts';

const owner = { userId: 'u1', username: 'ann', fullName: 'Ann' };
let made = 0;

function record(fields: Partial<JobRecord> = {}): JobRecord {
  made += 1;
  return {
    id: made.toString(16).padStart(24, '0'),
    revision: 1,
    status: 'INITIALIZING',
    owner,
    source: 'Ad hoc API',
    created: 1_000 + made,
    hidden: null,
    body: { deploymentId: 'd', text: "a 'quoted' text; with \u{1f600} and \\ and $1 and ?" },
    deploymentId: 'd',
    server: 'http://127.0.0.1:1',
    priority: 0,
    intakeType: 'localFile',
    outputType: 'localFile',
    model: null,
    upload: 'waiting',
    queuedAt: null,
    claim: null,
    startedAt: null,
    endedAt: null,
    elapsedMs: 0,
    attempts: 0,
    tally: EMPTY_TALLY,
    intakeBytes: null,
    intakeTotal: null,
    outputBytes: null,
    logs: ['made'],
    failure: null,
    resultsDeleted: false,
    monitoringBatchId: null,
    definition: null,
    ...fields,
  };
}

const filter: JobFilter = { offset: 0, limit: 100, owner: null, orderBy: 'created' };

describe.each(['SQLite', 'PostgreSQL'])('a store of jobs in %s', (product) => {
  const skip = product === 'PostgreSQL' && leftOut().includes('postgres');
  let folder = '';
  let database: PostgresDatabase | undefined;
  let address: StoreAddress;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-store-'));
    if (product === 'SQLite') address = storeAddress(null, folder);
    else if (!skip) {
      database = await postgresDatabase();
      const { host, port, user, password } = database;
      address = storeAddress(
        `postgres://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${host}:${port}/${database.database}`,
        folder,
      );
    }
  });
  afterAll(async () => {
    await database?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test.skipIf(skip)('gives a record back as it was put, also after a restart', async () => {
    const one = record({
      logs: ['ü', 'x'.repeat(10_000)],
      model: { id: 'm', version: '2' },
      definition: { id: 'x', name: 'n', createdBy: owner },
    });
    {
      await using store = await JobStore.open(address, null);
      await store.insert(one);
      expect(await store.get(one.id)).toEqual(one);
    }
    await using again = await JobStore.open(address, null);
    expect(await again.get(one.id)).toEqual(one);
    expect(await again.get('f'.repeat(24))).toBeNull();
    expect(await again.update('f'.repeat(24), () => ({ priority: 1 }))).toBeNull();
  });

  test.skipIf(skip)(
    'of the version before goes on, whichever of several servers makes it the one of today',
    async () => {
      const one = record();
      const batch = 'ab'.repeat(12);
      {
        await using store = await JobStore.open(address, null);
        await store.insert(one);
        await store.session.use(async (tables) => {
          await tables.execute('DROP INDEX sluice_jobs_batch');
          await tables.execute('ALTER TABLE sluice_jobs DROP COLUMN batch');
          await tables.execute('UPDATE sluice_server_version SET version = 1');
          const { body: _, monitoringBatchId: __, ...data } = one;
          const places = [1, 2].map((place) => store.session.dialect.parameter(place));
          const sql = `UPDATE sluice_jobs SET data = ${places[0]} WHERE id = ${places[1]}`;
          await tables.execute(sql, [JSON.stringify(data), one.id]);
        });
      }
      const opened = await Promise.all(
        Array.from({ length: address.isOwn ? 1 : 4 }, () => JobStore.open(address, null)),
      );
      const [store] = opened as [JobStore];
      expect(await store.get(one.id)).toEqual(one);
      await store.update(one.id, () => ({ monitoringBatchId: batch }));
      const query = `SELECT id FROM sluice_jobs WHERE batch = ${store.session.dialect.parameter(1)}`;
      const found = await store.session.use((tables) => tables.query(query, [batch]));
      expect(found.map(([id]) => id)).toEqual([one.id]);
      await store.session.use((tables) => tables.execute('UPDATE sluice_server_version SET version = 3'));
      await Promise.all(opened.slice(1).map((other) => other.close()));
      await store.close();
      await expect(JobStore.open(address, null)).rejects.toThrow('of version 3, and this Sluice knows 2');
      const session = await StoreSession.open(address);
      await session.use((tables) => tables.execute('UPDATE sluice_server_version SET version = 2'));
      await session.close();
    },
  );

  test.skipIf(skip)('loses no change, however many are made at once', async () => {
    await using store = await JobStore.open(address, null);
    const other = address.isOwn ? store : await JobStore.open(address, null);
    const one = record();
    await store.insert(one);
    await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        (i % 2 === 0 ? store : other).update(one.id, ({ attempts, logs }) => ({
          attempts: attempts + 1,
          logs: [...logs, `${i}`],
        })),
      ),
    );
    const found = await store.get(one.id);
    expect(found).toMatchObject({ attempts: 60, revision: 61 });
    expect(new Set(found?.logs).size).toBe(61);
    if (other !== store) await other.close();
  });

  test.skipIf(skip)('lets one at once decide whose turn it is', async () => {
    await using store = await JobStore.open(address, null);
    const other = address.isOwn ? store : await JobStore.open(address, null);
    const jobs = Array.from({ length: 20 }, (_, i) => record({ queuedAt: 5_000 + i, deploymentId: 'turns' }));
    for (const job of jobs) await store.insert(job);
    const ids = new Set(jobs.map(({ id }) => id));
    const takenBy = (who: JobStore, runner: string): Promise<string | undefined> =>
      who.inTurn(async (queue, update) => {
        const next = queue.find(({ id, claim }) => claim === null && ids.has(id));
        if (next !== undefined) await update(next.id, () => ({ claim: { runner, beat: 0 } }));
        return next?.id;
      });
    const taken = await Promise.all(
      Array.from({ length: 20 }, (_, i) => takenBy(i % 2 === 0 ? store : other, `runner ${i}`)),
    );
    expect(new Set(taken)).toEqual(ids);
    if (other !== store) await other.close();
  });

  test.skipIf(skip)('undoes a turn that fails', async () => {
    await using store = await JobStore.open(address, null);
    const one = record({ queuedAt: 1 });
    await store.insert(one);
    const failing = store.inTurn(async (_, update) => {
      await update(one.id, () => ({ priority: 99 }));
      throw new Error('no turn');
    });
    await expect(failing).rejects.toThrow('no turn');
    expect((await store.get(one.id))?.priority).toBe(0);
  });

  test.skipIf(skip)('has the queue in order: who was begun, then priority, then time', async () => {
    await using store = await JobStore.open(address, null);
    const jobs = {
      late: record({ queuedAt: 90_000, deploymentId: 'order' }),
      early: record({ queuedAt: 80_000, deploymentId: 'order' }),
      urgent: record({ queuedAt: 99_000, priority: 5, deploymentId: 'order' }),
      begun: record({ queuedAt: 95_000, status: 'RUNNING', startedAt: 1, priority: -9, deploymentId: 'order' }),
      waiting: record({ deploymentId: 'order' }),
      ended: record({ queuedAt: 1, status: 'COMPLETED', endedAt: 2, deploymentId: 'order' }),
    };
    for (const job of Object.values(jobs)) await store.insert(job);
    const own = new Set(Object.values(jobs).map(({ id }) => id));
    const queue = (await store.inQueue()).map(({ id }) => id).filter((id) => own.has(id));
    expect(queue).toEqual([jobs.begun, jobs.urgent, jobs.early, jobs.late].map(({ id }) => id));
  });

  test.skipIf(skip)('filters, whatever the values hold', async () => {
    await using store = await JobStore.open(address, null);
    const odd = "o'; DROP TABLE sluice_jobs; --";
    await store.insert(record({ deploymentId: odd, source: 'Scheduled Run', owner: { ...owner, userId: 'u2' } }));
    const found = async (some: Partial<JobFilter>): Promise<number> =>
      (await store.list({ ...filter, ...some })).records.length;
    expect(await found({ deploymentId: odd })).toBe(1);
    expect(await found({ deploymentId: odd, source: ['-Scheduled Run'] })).toBe(0);
    expect(await found({ deploymentId: odd, source: ['Scheduled Run', 'Ad hoc API'] })).toBe(1);
    expect(await found({ deploymentId: odd, owner: 'u1' })).toBe(0);
    expect(await found({ deploymentId: odd, owner: 'u2', status: ['INITIALIZING'] })).toBe(1);
    expect(await found({ deploymentId: odd, from: 1, until: 2 })).toBe(0);
    expect(await store.unfinished('u2')).toBe(1);
    expect((await store.list({ ...filter, limit: 2 })).total).toBeGreaterThan(2);
  });
});

test('a store that is no address of PostgreSQL is refused, without the password in it', () => {
  for (const address of ['mysql://u:secret-word@h/d', 'secret-word', 'http://u:secret-word@h/'])
    expect(() => storeAddress(address, '.')).toThrow(/^(?!.*secret-word).*server\.store must be/s);
});
