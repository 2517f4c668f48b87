import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { partitionOfKey } from '../../src/links/kafka/live/writer-partitioner.ts';
import { LiveRuns } from '../support/live-runs.ts';
import type { LiveRow } from '../support/live-topic.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

const ROWS = 60;

/** Rows over two partitions, each with its number as `id`. */
function rows(value: (id: number) => string): readonly LiveRow[] {
  return Array.from({ length: ROWS }, (_, id) => ({
    partition: id % 2,
    value: Buffer.from(value(id)),
    key: id % 10 === 4 ? null : `key ${id % 7}`,
    headers: { trace: `t${id}` },
    timestamp: 1_700_000_000_000 + id,
  }));
}

const asJson = (id: number): string => JSON.stringify({ id, text: `a "${id}",\n b` });

needs('kafka')('the messages of a live job', () => {
  let live: LiveRuns;
  beforeAll(async () => {
    live = await LiveRuns.open((await kafkaService()).brokers);
  });
  afterAll(() => live[Symbol.asyncDispose]());

  /** The rows of an output topic as its JSON says, each with what came with it. */
  const written = async (topic: string) =>
    (await live.topics.read(topic)).map(({ partition, key, headers, timestamp, value }) => ({
      partition,
      headers,
      timestamp,
      key: key?.toString() ?? null,
      row: JSON.parse(value!.toString()) as Record<string, unknown>,
    }));
  /** The same, as it must be: in the order of each partition. */
  const wanted = (given: readonly LiveRow[], row: (id: number) => Record<string, unknown>) =>
    given
      .map(({ partition, key, headers, timestamp }, id) => ({ partition, key, headers, timestamp, row: row(id) }))
      .toSorted((a, b) => a.partition - b.partition);

  test('JSON: keys, headers, timestamps and partitions are kept, and the order of each partition', async () => {
    const place = await live.place(2);
    const given = rows(asJson);
    await live.topics.send(place.input, given);
    await live.score(place);
    expect(await written(place.output)).toEqual(wanted(given, (id) => ({ y_PREDICTION: 2 * id, id: String(id) })));
  });

  test('rows are explained against the baseline that is given, and by the columns that it has', async () => {
    const place = await live.place(2);
    const given = rows((id) => JSON.stringify({ id, text: 'a', ...(id % 5 === 0 ? { extra: 'x' } : {}) }));
    await live.topics.send(place.input, given);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-live-baseline-'));
    const baseline = join(folder, 'baseline.csv');
    writeFileSync(baseline, 'text,id\nb,1\nc,3\n');
    const explanation = { baseline: { file: baseline } };
    await live.score(place, { maxExplanations: 1, explanationAlgorithm: 'occlusion', explanation });
    rmSync(folder, { recursive: true });
    const strengths = (await written(place.output)).map(({ row }) => [
      Number(row['EXPLANATION_1_ACTUAL_VALUE'] ?? 2),
      Number(row['EXPLANATION_1_STRENGTH'] ?? 0),
    ]);
    // The prediction is twice the id; that of the baseline is 4.
    expect(strengths).toHaveLength(ROWS);
    for (const [id, strength] of strengths) expect(strength).toBe(2 * id! - 4);
  });

  test('CSV: a record per message with the columns of the settings, also to CSV', async () => {
    const place = await live.place(2);
    const given = rows((id) => `${id},"a ""${id}"",\n b"`);
    await live.topics.send(place.input, given);
    await live.score(place, {
      passthroughColumns: ['text', 'id'],
      intakeSettings: { format: 'csv', columns: ['id', 'text'] },
      outputSettings: { format: 'csv' },
    });
    const seen = await live.topics.read(place.output);
    expect(seen.map(({ value }) => value!.toString())).toEqual(
      wanted(given, (id) => ({ csv: `${2 * id},"a ""${id}"",\n b",${id}` })).map(({ row }) => row['csv']),
    );
  });

  test('partitioning by key: rows stand where Java puts their keys, those without one where they came from', async () => {
    const place = await live.place(2, 5);
    const given = rows(asJson);
    await live.topics.send(place.input, given);
    await live.score(place, { outputSettings: { partitioning: 'key' } });
    const seen = await written(place.output);
    expect(seen.map(({ row }) => Number(row['id'])).toSorted((a, b) => a - b)).toEqual(given.map((_, id) => id));
    for (const { row, key, partition } of seen) {
      const id = Number(row['id']);
      expect(partition).toBe(key === null ? id % 2 : partitionOfKey(Buffer.from(key), 5));
    }
    // One key of one partition of the input: its rows come in their order.
    for (const name of new Set(seen.map(({ key, row }) => `${key} ${Number(row['id']) % 2}`))) {
      const ids = seen
        .filter(({ key, row }) => `${key} ${Number(row['id']) % 2}` === name)
        .map(({ row }) => Number(row['id']));
      expect(ids).toEqual(ids.toSorted((a, b) => a - b));
    }
  });

  test('an output column becomes the key, and the output may have fewer partitions', async () => {
    const place = await live.place(3, 2);
    await live.topics.send(
      place.input,
      Array.from({ length: 30 }, (_, id) => ({ partition: id % 3, value: Buffer.from(asJson(id)), key: 'old' })),
    );
    await live.score(place, { outputSettings: { keyColumn: 'id' } });
    const seen = await written(place.output);
    expect(seen).toHaveLength(30);
    for (const { key, row, partition } of seen) {
      expect(key).toBe(String(row['id']));
      expect(partition).toBe((Number(row['id']) % 3) % 2);
    }
  });

  test('JSON whose fields come and go: columns grow, what a message lacks is null', async () => {
    const place = await live.place(1);
    const texts = ['{"x":1}', '{"id":1,"x":1}', '{"extra":true,"id":2}', '{"id":3,"x":4}', '{}'];
    await live.topics.send(
      place.input,
      texts.map((text) => ({ partition: 0, value: Buffer.from(text) })),
    );
    live.server.options = { predict: () => '7' };
    try {
      await live.score(place, { passthroughColumns: ['id', 'x'] });
    } finally {
      live.server.options = {};
    }
    expect((await written(place.output)).map(({ row }) => row)).toEqual([
      { y_PREDICTION: 7, id: null, x: '1' },
      { y_PREDICTION: 7, id: '1', x: '1' },
      { y_PREDICTION: 7, id: '2', x: null },
      { y_PREDICTION: 7, id: '3', x: '4' },
      { y_PREDICTION: 7, id: null, x: null },
    ]);
  });
});
