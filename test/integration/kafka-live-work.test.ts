import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LivePlace, LiveRuns } from '../support/live-runs.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);
const BAD = 'the server cannot score it';

needs('kafka')('how a live job works', () => {
  let live: LiveRuns;
  beforeAll(async () => {
    // Later requests are answered sooner, so that order is not there by itself.
    live = await LiveRuns.open((await kafkaService()).brokers, {
      reject: (fields) => (fields.includes('bad') ? BAD : null),
      respond: ({ number }) => ({ after: new Promise((resolve) => setTimeout(resolve, [40, 20, 1][number % 3])) }),
    });
  });
  afterAll(() => live[Symbol.asyncDispose]());

  const send = (place: LivePlace, ids: readonly number[], partitions: number): Promise<void> =>
    live.topics.send(
      place.input,
      ids.map((id) => ({
        partition: id % partitions,
        value: Buffer.from(JSON.stringify({ id })),
        key: `key ${Math.floor(id / 2) % 5}`,
      })),
    );
  const scored = async ({ output }: LivePlace) =>
    (await live.topics.read(output)).map(({ partition, key, value }) => ({
      partition,
      key: String(key),
      id: Number((JSON.parse(value!.toString()) as { id: string }).id),
    }));

  test.each(['source', 'key'] as const)(
    'several requests of one partition are under way at once, and the order by %s is kept',
    async (partitioning) => {
      const place = await live.place(1, 3);
      await send(place, range(0, 400), 1);
      live.server.maxInFlight = 0;
      await live.score(place, { inFlightPerPartition: 4, outputSettings: { partitioning } });
      expect(live.server.maxInFlight).toBe(4);
      const seen = await scored(place);
      expect(seen.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(range(0, 400));
      for (const partition of range(0, 3)) {
        const ids = seen.filter((row) => row.partition === partition).map(({ id }) => id);
        expect(ids).toEqual(ids.toSorted((a, b) => a - b));
        if (partitioning === 'source') expect(ids).toHaveLength(partition === 0 ? 400 : 0);
      }
    },
  );

  test('two members share the partitions, one takes over what the other leaves, and each row is scored once', async () => {
    const place = await live.place(4);
    const first = live.begin(live.job(place));
    await send(place, range(0, 200), 4);
    await live.drained(place, first);
    const second = live.begin(live.job(place));
    await live.balanced(first, second);
    await send(place, range(200, 600), 4);
    await live.drained(place, first, second);
    expect(second.progress().tally.scored).toBeGreaterThan(0);
    await live.stop(first);
    await send(place, range(600, 800), 4);
    await live.drained(place, second);
    expect(second.progress().topics!.partitions).toBe(4);
    await live.stop(second);
    const seen = await scored(place);
    for (const partition of range(0, 4))
      expect(seen.filter((row) => row.partition === partition).map(({ id }) => id)).toEqual(
        range(0, 800).filter((id) => id % 4 === partition),
      );
  });

  test('at least once: the offsets of a topic that is quiet are committed, too', async () => {
    const place = await live.place(1);
    await send(place, range(0, 50), 1);
    // This waits until the group stands at the end, while the job goes on.
    await live.score(place, { outputSettings: { delivery: 'atLeastOnce' } });
    expect((await scored(place)).map(({ id }) => id)).toEqual(range(0, 50));
  });

  test('what cannot be scored goes to the dead letters with cause, coordinates and its own bytes; the partition goes on', async () => {
    const place = await live.place(2);
    const poison = new Map<number, Buffer | null>([
      [3, Buffer.from('no json \u00e4')],
      [4, null],
      [5, Buffer.from([0xff, 0xfe, 0x00])],
      [6, Buffer.from('{"id":6,"x":"bad"}')],
      [7, Buffer.from('[1,2]')],
      [8, Buffer.from('')],
    ]);
    await live.topics.send(
      place.input,
      range(0, 60).map((id) => ({
        partition: id % 2,
        value: poison.has(id) ? poison.get(id)! : Buffer.from(`{"id":${id}}`),
        key: `k${id}`,
        headers: { trace: `t${id}`, 'sluice-error': 'of an earlier life' },
      })),
    );
    await live.score(place, { outputSettings: { deadLetterTopic: `${place.input}.graveyard` } });
    expect((await scored(place)).map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(
      range(0, 60).filter((id) => !poison.has(id)),
    );
    const letters = await live.topics.read(`${place.input}.graveyard`);
    const byNumber = letters.toSorted((a, b) => Number(String(a.key).slice(1)) - Number(String(b.key).slice(1)));
    expect(byNumber.map(({ key, value, partition }) => [String(key), value, partition])).toEqual(
      [...poison].map(([id, value]) => [`k${id}`, value, id % 2]),
    );
    for (const [at, { headers }] of byNumber.entries()) {
      const id = 3 + at;
      expect(headers).toMatchObject({
        trace: `t${id}`,
        'sluice-topic': place.input,
        'sluice-partition': String(id % 2),
        'sluice-offset': String(Math.floor(id / 2)),
        'sluice-kind': id === 6 ? 'failed' : 'skipped',
        'sluice-error': id === 6 ? `HTTP 422: ${BAD}` : expect.stringMatching(/JSON|null|empty|UTF-8/),
      });
      expect(Number(headers['sluice-attempts'])).toBeGreaterThanOrEqual(id === 6 ? 1 : 0);
    }
  });
});
