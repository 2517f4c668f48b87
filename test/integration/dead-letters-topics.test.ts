import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runJob } from '../../src/index.ts';
import { letterKey } from '../../src/jobs/dead-letters/replay-options.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
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
  const idsIn = async (topic: string): Promise<readonly number[]> =>
    (await live.topics.read(topic)).map(({ value }) => Number(JSON.parse(value!.toString()).id));
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
});
