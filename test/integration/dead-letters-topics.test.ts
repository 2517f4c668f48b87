import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runJob } from '../../src/index.ts';
import { letterKey } from '../../src/jobs/dead-letters/replay-options.ts';
import { seeded } from '../support/killed-runs.ts';
import { type LiveChanges, type LivePlace, LiveRuns } from '../support/live-runs.ts';
import { lettersOf, replay } from '../support/replays.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i);

needs('kafka')('dead letters of a topic', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-topic-letters-'));
  let live: LiveRuns;
  beforeAll(async () => {
    live = await LiveRuns.open((await kafkaService()).brokers);
  });
  afterAll(async () => {
    await live[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What a server refuses; the rest it scores. */
  const refusing = (bad: (id: number) => boolean) => ({
    reject: ([id]: readonly string[]) => (bad(Number(id)) ? `row ${id} is bad` : null),
  });
  const sorted = (ids: readonly number[]): readonly number[] => ids.toSorted((a, b) => a - b);
  const sendRows = (place: LivePlace, rows: number, partitions: number): Promise<void> =>
    live.topics.send(
      place.input,
      range(rows).map((id) => ({
        partition: id % partitions,
        value: Buffer.from(JSON.stringify({ id, text: `row ${id}` })),
        key: id % 5 === 0 ? null : `key ${id % 11}`,
        headers: { number: String(id) },
        timestamp: 1_700_000_000_000 + id,
      })),
    );

  test.each([
    { seed: 1, changes: {} },
    { seed: 2, changes: { outputSettings: { partitioning: 'key' } } },
    { seed: 3, changes: { outputSettings: { delivery: 'atLeastOnce', keepFailed: true } } },
  ] satisfies readonly { seed: number; changes: LiveChanges }[])(
    'seed $seed: after replays on a server that mends by and by, the output has each row of the intake once, as the live job would have written it ($changes)',
    async ({ seed, changes }) => {
      const random = seeded(seed);
      const ROWS = 150;
      const badAt = range(ROWS).map(() => Math.floor(3 * random()));
      const place = await live.place(3, 2);
      const job = live.job(place, changes);
      const keepFailed = (changes as { outputSettings?: { keepFailed?: boolean } }).outputSettings?.keepFailed === true;
      await sendRows(place, ROWS, 3);
      live.server.options = refusing((id) => badAt[id]! > 0);
      await live.score(place, changes);
      const bad = range(ROWS).filter((id) => badAt[id]! > 0);
      const letters = await lettersOf(job);
      expect(sorted(letters.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).id))).toEqual(bad);

      live.server.options = refusing((id) => badAt[id]! > 1);
      const again = bad.filter((id) => badAt[id]! > 1);
      expect(await replay(job)).toMatchObject([
        { letters: bad.length, scored: bad.length - again.length, failed: again.length, untried: 0 },
      ]);
      const left = await lettersOf(job);
      expect(sorted(left.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()).id))).toEqual(again);
      const before = new Map(letters.map((letter) => [letterKey(letter), letter]));
      for (const letter of left) expect(letter.attempts).toBeGreaterThan(before.get(letterKey(letter))!.attempts);

      live.server.options = {};
      expect(await replay(job)).toMatchObject([{ letters: again.length, scored: again.length, failed: 0 }]);
      expect(await lettersOf(job)).toEqual([]);
      expect(await replay(job)).toMatchObject([{ letters: 0, scored: 0, failed: 0 }]);

      const all = await live.topics.read(place.output);
      const idOf = (value: Buffer | null): number => Number(JSON.parse(value!.toString()).id);
      const written = keepFailed ? all.filter(({ value }) => JSON.parse(value!.toString()).y_PREDICTION !== null) : all;
      expect(sorted(written.map(({ value }) => idOf(value)))).toEqual(range(ROWS));
      // As a live job writes it that finds none of them bad.
      const twin = await live.place(3, 2);
      await sendRows(twin, ROWS, 3);
      await live.score(twin, changes);
      const seen = ({ partition, key, value, headers, timestamp }: (typeof all)[number]) => ({
        partition,
        key: key?.toString(),
        value: value?.toString(),
        headers,
        timestamp,
      });
      const byId = (messages: typeof all) => messages.toSorted((a, b) => idOf(a.value) - idOf(b.value)).map(seen);
      expect(byId(written)).toEqual(byId(await live.topics.read(twin.output)));
    },
    120_000,
  );

  test('corrected rows take the place of those that were kept, messages that were no rows among them', async () => {
    const place = await live.place(1);
    const job = live.job(place);
    const values = ['{"id":0}', 'no row', '{"id":2,"text":"bad"}', '{"id":3,"text":"bad"}'];
    await live.topics.send(
      place.input,
      values.map((value) => ({ partition: 0, value: Buffer.from(value), key: value.slice(0, 6) })),
    );
    const options = { reject: (fields: readonly string[]) => (fields.includes('bad') ? 'a bad row' : null) };
    live.server.options = options;
    await live.score(place);
    const mended = new Map<string, Uint8Array>();
    for (const letter of await lettersOf(job)) {
      if (letter.line === 1) mended.set(letterKey(letter), Buffer.from('{"id":1,"text":"a row"}'));
      if (letter.line === 2) mended.set(letterKey(letter), Buffer.from('{"id":2,"text":"good"}'));
    }
    expect(mended.size).toBe(2);
    expect(await replay(job, { mended })).toMatchObject([{ letters: 3, scored: 2, failed: 1 }]);
    const written = await live.topics.read(place.output);
    expect(written.map(({ key, value }) => [key?.toString(), JSON.parse(value!.toString()).y_PREDICTION])).toEqual([
      ['{"id":', 0],
      ['no row', 2],
      ['{"id":', 4],
    ]);
    await expect(replay(job, { mended })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('no dead letters of this job'),
    });
    const [last, ...more] = await lettersOf(job);
    expect(more).toEqual([]);
    expect(last).toMatchObject({ split: `${place.input}/0`, line: 3, kind: 'failed' });
  }, 60_000);

  test('a bounded job: its rows follow the blank ones that the topic has; those of other jobs are left to them', async () => {
    const ROWS = 60;
    const isBad = (id: number): boolean => id % 7 === 3;
    const place = await live.place(2, 3);
    const intake = join(folder, 'in.csv');
    writeFileSync(
      intake,
      `id,text\n${range(ROWS)
        .map((id) => `${id},"text, ""${id}"""\n`)
        .join('')}`,
    );
    const outputSettings = { type: 'kafka', topic: place.output, keyColumn: 'id' } as const;
    const bounded = {
      ...live.job(place),
      intakeSettings: { type: 'localFile', file: intake },
      outputSettings,
    } as const;
    const other = { ...live.job(place), deployment: { id: 'other', server: live.server.url } };
    live.server.options = refusing(isBad);
    await runJob(bounded).result;
    // Letters of a live job beside them.
    await live.topics.send(place.input, [{ partition: 0, value: Buffer.from('no row') }]);
    await live.score(place);
    const bad = range(ROWS).filter(isBad);
    rmSync(intake);
    expect(sorted((await lettersOf(bounded)).map(({ row }) => row!))).toEqual(bad);
    expect(await lettersOf({ ...bounded, deployment: other.deployment })).toEqual([]);
    expect(await lettersOf(live.job(place))).toMatchObject([{ line: 0, kind: 'skipped' }]);

    live.server.options = refusing((id) => id === 3);
    expect(await replay(bounded)).toMatchObject([{ letters: bad.length, scored: bad.length - 1, failed: 1 }]);
    expect(await lettersOf(bounded)).toMatchObject([
      { row: 3, line: 5, kind: 'failed', reason: expect.stringMatching(/row 3 is bad/) },
    ]);
    live.server.options = {};
    expect(await replay(bounded)).toMatchObject([{ letters: 1, scored: 1, failed: 0 }]);
    expect(await replay(bounded)).toMatchObject([{ letters: 0 }]);
    const written = (await live.topics.read(place.output)).map(({ partition, key, value }) => {
      const { id, y_PREDICTION: y } = JSON.parse(value!.toString()) as { id: string; y_PREDICTION: number | null };
      expect(key!.toString()).toBe(id);
      return { id: Number(id), y, partition };
    });
    const scored = written.filter(({ y }) => y !== null);
    expect(sorted(scored.map(({ id }) => id))).toEqual(range(ROWS));
    for (const { id, y } of scored) expect(y).toBe(2 * id);
    for (const id of bad) {
      const own = written.filter((row) => row.id === id);
      // The blank one, then the scored one, in one partition.
      expect(own.map(({ y }) => y)).toEqual([null, 2 * id]);
      expect(own[0]!.partition).toBe(own[1]!.partition);
    }
  }, 90_000);

  test('another deployment is taken when the change of the model is allowed, and finds the letters of the first', async () => {
    const place = await live.place(1);
    const intake = join(folder, 'other.csv');
    writeFileSync(intake, `id\n${range(20).join('\n')}\n`);
    const job = { ...live.job(place), intakeSettings: { type: 'localFile', file: intake } } as const;
    live.server.options = refusing((id) => id === 2);
    await runJob(job).result;
    live.server.options = {};
    const other = { ...job, deployment: { id: 'other', server: live.server.url } };
    const { id: deployment } = job.deployment as { id: string };
    await expect(replay(other, { deployment })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('--allow-model-change'),
    });
    expect(await replay(other, { deployment, anyModel: true })).toMatchObject([{ letters: 1, scored: 1 }]);
  }, 60_000);
});
