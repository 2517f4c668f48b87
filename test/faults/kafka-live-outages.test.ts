import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { throughKilledBroker } from '../support/killed-broker.ts';
import { startLive } from '../support/live-job-process.ts';
import { type LivePlace, LiveRuns } from '../support/live-runs.ts';
import { type KafkaService, startKafka } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { until } from '../support/until.ts';

// Messages of 20 MB take their time where other tests run beside them.
vi.setConfig({ testTimeout: 180_000 });

const LARGE = 20 * 1024 * 1024;
const passed = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const range = (from: number, to: number): readonly number[] => Array.from({ length: to - from }, (_, i) => from + i);

needs('kafka')('a live job in trouble', () => {
  let kafka: KafkaService;
  let live: LiveRuns;
  beforeAll(async () => {
    kafka = await startKafka();
    live = await LiveRuns.open(kafka.brokers);
  });
  afterAll(async () => {
    await live?.[Symbol.asyncDispose]();
    await kafka?.[Symbol.asyncDispose]();
  });
  const send = (topic: string, values: readonly string[]): Promise<void> =>
    live.topics.send(
      topic,
      values.map((value) => ({ partition: 0, value: Buffer.from(value) })),
    );
  const row = (id: number): string => `{"id":${id}}`;
  const scored = async (topic: string): Promise<readonly number[]> =>
    (await live.topics.read(topic)).map(({ value }) => Number((JSON.parse(value!.toString()) as { id: string }).id));

  describe('a message of 20 MB among others', () => {
    // The prediction server of the tests, in this process, takes long to read it: longer than a session, on a busy machine.
    const patient = () => ({ kafka: { ...live.cluster, sessionSeconds: 30 } });
    const large = JSON.stringify({ id: 1, text: 'x'.repeat(LARGE) });
    /** Topics take 1 MB by themselves. */
    const place = async (...roomy: readonly ('input' | 'output')[]): Promise<LivePlace> => {
      const made = await live.place(1);
      for (const which of roomy) await live.topics.limit(made[which], 2 * LARGE);
      await send(made.input, [row(0), large, row(2)]);
      return made;
    };

    test('is scored, and written where the output takes it', async () => {
      const made = await place('input', 'output');
      await live.score(made, { ...patient(), passthroughColumns: ['id', 'text'] });
      expect(await scored(made.output)).toEqual([0, 1, 2]);
    });

    test('is a dead letter with the cause where the prediction server takes no such request', async () => {
      const made = await place('input');
      live.server.options = { maxBytes: 1_000_000 };
      await live.score(made, patient());
      live.server.options = {};
      expect(await scored(made.output)).toEqual([0, 2]);
      // The topic of dead letters is made by the job.
      const [letter] = await live.topics.read(`${made.output}.dead`);
      expect(letter!.value!.toString()).toBe(large);
      expect(letter!.headers['sluice-error']).toMatch(/413/);
    });

    test('ends the job where the output takes none so large, with what to do; then it goes on, and nothing is lost', async () => {
      const made = await place('input');
      const settings = { ...patient(), passthroughColumns: ['id', 'text'] };
      await expect(live.begin(live.job(made, settings)).result).rejects.toMatchObject({
        code: 'KAFKA_RECORD_TOO_LARGE',
        message: expect.stringMatching(new RegExp(`topic ${made.output}.*raise max\\.message\\.bytes`)),
      });
      await live.topics.limit(made.output, 2 * LARGE);
      await live.score(made, settings);
      expect(await scored(made.output)).toEqual([0, 1, 2]);
    });
  });

  test.each(['input', 'output'] as const)('an %s topic that is deleted ends the job with its name', async (which) => {
    // The client of the tests has no peace either when a topic that it knows is gone.
    await using own = await LiveRuns.open(kafka.brokers);
    const place = await own.place(2);
    const rows = (ids: readonly number[]): Promise<void> =>
      own.topics.send(
        place.input,
        ids.map((id) => ({ partition: id % 2, value: Buffer.from(row(id)) })),
      );
    await rows(range(0, 40));
    const run = own.begin(own.job(place, { kafka: { ...own.cluster, retrySeconds: 3 } }));
    await own.drained(place, run);
    await own.topics.admin.deleteTopics({ topics: [place[which]] });
    if (which === 'output') await rows([40]);
    await expect(run.result).rejects.toMatchObject({
      code: 'KAFKA_TOPIC_MISSING',
      message: expect.stringContaining(place[which]),
    });
  });

  test('a process that was stopped for longer than its session writes nothing when it goes on', async () => {
    const place = await live.place(2);
    const job = live.job(place, { kafka: { ...live.cluster, sessionSeconds: 2 } });
    // The first request of the first process is not answered until the second one has done everything.
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    live.server.options = { respond: () => ({ after: held }) };
    const before = live.server.requests.length;
    const frozen = startLive(job);
    await send(place.input, range(0, 60).map(row));
    await until(
      () => live.server.requests.length > before,
      () => frozen.said(),
    );
    frozen.signal('SIGSTOP');
    live.server.options = {};
    const other = live.begin(job);
    await live.drained(place, other);
    answer();
    frozen.signal('SIGCONT');
    // It works again when it has seen that its partitions are somebody else's.
    await live.stop(other);
    await send(place.input, range(60, 120).map(row));
    await live.topics.drained(place.group, place.input);
    frozen.signal('SIGTERM');
    expect([await frozen.ended, frozen.said()]).toEqual([130, expect.stringContaining('JOB_INTERRUPTED')]);
    expect(await scored(place.output)).toEqual(range(0, 120));
  });

  test('a prediction server that answers too late for who is stopped: he says of which partition rows come again', async () => {
    const place = await live.place(2);
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    await live.topics.send(place.input, [{ partition: 1, value: Buffer.from(row(0)) }]);
    live.server.options = { respond: () => ({ after: held }) };
    const run = live.begin(live.job(place, { kafka: { ...live.cluster, sessionSeconds: 2 } }));
    await until(
      () => live.server.inFlight > 0,
      () => JSON.stringify(run.progress()),
    );
    run.stop();
    await expect(run.result).rejects.toMatchObject({
      code: 'JOB_INTERRUPTED',
      message: expect.stringMatching(new RegExp(`what was read of ${place.input}/1 could not be written in time`)),
    });
    answer();
    live.server.options = {};
    await live.score(place);
    expect(await scored(place.output)).toEqual([0]);
  });

  test('a prediction server that is away: the job waits, and each row is there once when it is back', async () => {
    const place = await live.place(2);
    await send(place.input, range(0, 100).map(row));
    live.server.options = { respond: () => ({ status: 503, headers: { 'retry-after': '1' } }) };
    const before = live.server.requests.length;
    const run = live.begin(live.job(place));
    // Asked again and again, and no row is given up.
    await until(
      () => live.server.requests.length > before + 3,
      () => JSON.stringify(run.progress()),
    );
    await send(place.input, range(100, 200).map(row));
    expect(run.progress()).toMatchObject({ state: 'running', tally: { scored: 0, failed: 0 } });
    expect(run.progress().retries).toBeGreaterThan(0);
    live.server.options = {};
    await live.drained(place, run);
    await live.stop(run);
    expect(await scored(place.output)).toEqual(range(0, 200));
    expect(await live.topics.read(`${place.output}.dead`)).toEqual([]);
  });

  test('brokers that are away for seconds, killed in the middle: it waits, and each row is there once', async () => {
    const away = async (state: () => string): Promise<void> => {
      await passed(5_000);
      expect(state()).toBe('running');
    };
    const { sent, scored: ids } = await throughKilledBroker(live, kafka, { away });
    expect(ids).toEqual(range(0, sent));
  });
});
