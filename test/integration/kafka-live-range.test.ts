import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobInput } from '../../src/index.ts';
import { type LivePlace, LiveRuns } from '../support/live-runs.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { until } from '../support/until.ts';

const START = 1_700_000_000_000;
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);

needs('kafka')('what a job over a topic reads', () => {
  let live: LiveRuns;
  beforeAll(async () => {
    live = await LiveRuns.open((await kafkaService()).brokers);
  });
  afterAll(() => live[Symbol.asyncDispose]());

  /** Rows of these numbers: one partition, a second between them. */
  const send = (topic: string, ids: readonly number[]): Promise<void> =>
    live.topics.send(
      topic,
      ids.map((id) => ({ partition: 0, value: Buffer.from(`{"id":${id}}`), timestamp: START + 1000 * id })),
    );
  const scored = async (topic: string): Promise<readonly number[]> =>
    (await live.topics.read(topic)).map(({ value }) => Number((JSON.parse(value!.toString()) as { id: string }).id));

  describe('a live job begins where `from` says when the group has committed nothing', () => {
    const begins: readonly (readonly [string, object | string, number])[] = [
      ['the earliest message', 'earliest', 0],
      ['an offset', { 0: 12 }, 12],
      ['a time', new Date(START + 7_500).toISOString(), 8],
    ];
    test.each(begins)('%s', async (_, from, first) => {
      const place = await live.place(1);
      await send(place.input, range(0, 20));
      await live.score(place, { intakeSettings: { from } });
      expect(await scored(place.output)).toEqual(range(first, 20));
      // From then on the group's offsets say it, whatever `from` says.
      await send(place.input, range(20, 25));
      await live.score(place, { intakeSettings: { from: { 0: 3 } } });
      expect(await scored(place.output)).toEqual(range(first, 25));
    });

    test('the latest: what comes after it has begun, also when it was stopped before the first row', async () => {
      const place = await live.place(1);
      const latest = { intakeSettings: { from: 'latest' } };
      await send(place.input, range(0, 5));
      const run = live.begin(live.job(place, latest));
      await until(
        async () => (await live.topics.committed(place.group, place.input))[0] === 5,
        () => 'the place that it begins at is not committed',
      );
      await live.stop(run);
      await send(place.input, range(5, 9));
      await live.score(place, latest);
      expect(await scored(place.output)).toEqual(range(5, 9));
    });
  });

  test('a pattern takes all topics of such names, also one that is made later', async () => {
    const prefix = `pattern-${randomUUID()}`;
    const place = await live.place(1);
    const [early, late, other] = [`${prefix}.a`, `${prefix}.b`, `${prefix}.a.not`];
    await live.topics.create(early, 1);
    await live.topics.create(other, 1);
    await send(early, range(0, 10));
    await send(other, range(100, 110));
    const intakeSettings = { topic: undefined, topicPattern: `${prefix.replaceAll('-', '\\-')}\\.[ab]` };
    const run = live.begin(live.job(place, { intakeSettings }));
    await live.drained({ group: place.group, input: early }, run);
    await live.topics.create(late, 1);
    await send(late, range(10, 20));
    await live.drained({ group: place.group, input: late }, run);
    await live.stop(run);
    expect((await scored(place.output)).toSorted((a, b) => a - b)).toEqual(range(0, 20));
  });

  describe('a replay ends where `until` says, and is no member of a group', () => {
    const ends: readonly (readonly [string, object | string, number])[] = [
      ['what there is when it begins', 'end', 20],
      ['an offset', { 0: 12 }, 12],
      ['a time', new Date(START + 7_500).toISOString(), 8],
    ];
    test.each(ends)('%s', async (_, end, last) => {
      const place: LivePlace = await live.place(1);
      await send(place.input, range(0, 20));
      const job: JobInput = live.job(place, { intakeSettings: { group: undefined, from: { 0: 3 }, until: end } });
      const { manifest } = await live.begin(job).result;
      expect(manifest.tally).toMatchObject({ read: last - 3, scored: last - 3 });
      expect(await scored(place.output)).toEqual(range(3, last));
      const { groups } = await live.topics.admin.listGroups();
      expect(groups.map(({ groupId }) => groupId).filter((group) => group.startsWith(place.input))).toEqual([]);
    });
  });
});
