import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { isWhole } from '../support/effort.ts';
import { KafkaServe, servedJob, servedRows } from '../support/kafka-serve.ts';
import type { ServeProcess } from '../support/serve-process.ts';
import { needs } from '../support/services/needs.ts';
import { postgresDatabase } from '../support/services/postgres.ts';
import { until } from '../support/until.ts';

const ROWS = 10_000;
const WHOLE = servedRows(0, ROWS);
const BODY = { ...servedJob, chunkRows: 50, lingerMs: 0 };

needs('kafka')(
  'a job of a server over Kafka, of which something is killed with kill -9, gives the output of a direct run',
  () => {
    let rig: KafkaServe;
    let expected: string;
    let delayMs = 0;
    beforeAll(async () => {
      rig = await KafkaServe.start();
      rig.respond(() => (delayMs > 0 ? { after: wait(delayMs) } : undefined));
      await Promise.all([rig.worker('one'), rig.worker('two')]);
      expected = await rig.direct(BODY, WHOLE);
    }, 120_000);
    afterAll(async () => await rig?.[Symbol.asyncDispose]());
    beforeEach(() => {
      delayMs = 100;
      rig.predictions.requests.length = 0;
    });

    const ended = async (api: ServeProcess, id: string): Promise<void> => {
      const job = await api.ended(id, 45_000);
      expect(job.status, job.logs.join(' | ')).toBe('COMPLETED');
      expect(job).toMatchObject({ scoredRows: ROWS, failedRows: 0 });
      expect(await api.result(id)).toBe(expected);
      await until(async () => (await rig.remains(id)).length === 0, 'nothing of it left on the cluster');
    };
    /** All are at work, and some of it is durable. */
    const underWay = (api: ServeProcess, id: string, scorers: number): Promise<void> =>
      until(async () => rig.scorers.size >= scorers && (await api.job(id)).scoredRows > 0, 'all of them at work');

    test('a worker', async () => {
      const victim = await rig.worker('victim');
      await using api = await rig.serve();
      const { id } = await api.create(BODY);
      await api.upload(id, WHOLE);
      await underWay(api, id, 4);
      await victim.kill();
      delayMs = 0;
      await ended(api, id);
    }, 120_000);

    test.each(isWhole ? [1, 3, 6] : [2])(
      'the server, %i times, in the middle of an upload and behind it',
      async (times) => {
        let api = await rig.serve();
        const { id } = await api.create(BODY);
        // It breaks off with its server, a record in halves.
        const half = WHOLE.length / 2;
        const stuck = new ReadableStream({ start: (body) => body.enqueue(Buffer.from(WHOLE.slice(0, half))) });
        const broken = api.upload(id, stuck).catch(() => null);
        await underWay(api, id, 1);
        await api.kill();
        expect(await broken).toBeNull();
        api = await rig.serve();
        const range = { 'content-range': `bytes ${half}-${WHOLE.length - 1}/${WHOLE.length}` };
        expect((await api.upload(id, WHOLE.slice(half), range)).status).toBe(202);
        for (let kills = 1; kills < times; kills += 1) {
          const before = rig.predictions.requests.length;
          await until(() => rig.predictions.requests.length > before + 8, 'some requests');
          await api.kill();
          api = await rig.serve();
        }
        delayMs = 0;
        await using after = api;
        await ended(after, id);
        // What workers had scored was not lost with the server.
        expect(rig.predictions.requests.length).toBeLessThan(2 * (ROWS / BODY.chunkRows));
      },
      120_000,
    );

    if (isWhole)
      test('the server, as it publishes the result', async () => {
        delayMs = 0;
        const before = await rig.serve();
        const { id } = await before.create(BODY);
        await before.upload(id, WHOLE);
        const manifest = join(rig.state, 'jobs', id, 'result.csv.manifest.json');
        for (let left = 200_000; left > 0 && !existsSync(manifest); left -= 1) await wait(0);
        await before.kill();
        await using after = await rig.serve();
        await ended(after, id);
      }, 120_000);

    test('the server, with a job aborted that nobody worked on any more: nothing of it is left', async () => {
      const before = await rig.serve();
      const { id } = await before.create(BODY);
      await before.upload(id, WHOLE);
      await underWay(before, id, 2);
      await before.request(`/batchPredictions/${id}/`, { method: 'DELETE' });
      await before.kill();
      await using after = await rig.serve();
      expect((await after.job(id)).status).toBe('ABORTED');
      await until(() => !existsSync(join(rig.state, 'jobs', id)), 'the folder is gone');
      await until(async () => (await rig.remains(id)).length === 0, 'nothing of it left on the cluster');
    }, 120_000);

    test('what is on the cluster of a job that has ended goes with the next start; what belongs to others stays', async () => {
      delayMs = 0;
      const before = await rig.serve();
      const { id } = await before.create(BODY);
      await before.upload(id, WHOLE);
      await ended(before, id);
      await before.stop();
      const other = `${id.slice(0, 8)}${'f'.repeat(16)}`;
      await rig.ask(async ({ topics }) => {
        for (const name of [jobTopics(id).scored, jobTopics(other).rows])
          await topics.create({ name, partitions: 1, replicationFactor: 1, config: {} });
      });
      await using _ = await rig.serve();
      await until(async () => (await rig.remains(id)).length === 0, 'nothing of it left');
      expect(await rig.remains(other)).toEqual([jobTopics(other).rows]);
      await rig.ask(({ topics }) => topics.remove([jobTopics(other).rows]));
    }, 120_000);

    if (isWhole)
      test('a server that is stopped leaves its workers waiting, and goes on where it was', async () => {
        const before = await rig.serve();
        const { id } = await before.create(BODY);
        await before.upload(id, WHOLE);
        await underWay(before, id, 2);
        const { code, stderr } = await before.stop();
        expect(code, stderr).toBe(0);
        const ledger = readFileSync(join(rig.state, 'jobs', id, 'result.csv.ledger.json'), 'utf8');
        expect((JSON.parse(ledger) as { bytes: { rows: number } }).bytes.rows).toBeGreaterThan(0);
        delayMs = 0;
        await using after = await rig.serve();
        await ended(after, id);
        const scored = rig.predictions.requests.reduce((sum, request) => sum + request.rows.length, 0);
        expect(scored).toBe(ROWS);
      }, 120_000);

    needs('postgres')('where two share a PostgreSQL', () => {
      test('one of two servers, whose job the other takes over within 30 s', async () => {
        await using database = await postgresDatabase();
        const { host, port, user, password } = database;
        const store = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database.database}`;
        const first = await rig.serve({ store });
        const { id } = await first.create(BODY);
        await first.upload(id, WHOLE);
        await underWay(first, id, 2);
        await using second = await rig.serve({ store });
        const download = second.result(id);
        await first.kill();
        const killed = performance.now();
        delayMs = 0;
        await second.until(id, ({ status }) => status === 'COMPLETED', 45_000);
        expect(performance.now() - killed).toBeLessThan(30_000);
        await ended(second, id);
        expect(await download).toBe(expected);
      }, 120_000);
    });
  },
);
