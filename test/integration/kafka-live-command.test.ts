import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Command, startSluice } from '../support/command-line.ts';
import { type LiveChanges, type LivePlace, LiveRuns } from '../support/live-runs.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';
import { until } from '../support/until.ts';

const range = (length: number): readonly number[] => Array.from({ length }, (_, i) => i);

needs('kafka')('`sluice run` of a live job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-live-'));
  let live: LiveRuns;
  beforeAll(async () => {
    live = await LiveRuns.open((await kafkaService()).brokers, {
      reject: (fields) => (fields.includes('bad') ? 'a bad row' : null),
    });
  });
  afterAll(async () => {
    await live[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = (place: LivePlace, changes: LiveChanges = {}, ...more: readonly string[]): Command => {
    const file = join(folder, `${place.input}.yaml`);
    writeFileSync(file, JSON.stringify(live.job(place, changes)));
    return startSluice(['run', file, '--progress', 'none', ...more]);
  };
  const send = (place: LivePlace, values: readonly string[]): Promise<void> =>
    live.topics.send(
      place.input,
      values.map((value) => ({ partition: 0, value: Buffer.from(value) })),
    );

  /** What a command has said so far. */
  const sayings = ({ process: child }: Command): (() => string) => {
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return () => said;
  };
  /** Where it may be watched. */
  const watched = async (command: Command): Promise<string> => {
    const said = sayings(command);
    await until(() => said().includes('/metrics'), said);
    return /(http:\S+)\/metrics/.exec(said())![1]!;
  };
  const get = async (url: string) => {
    const reply = await fetch(url);
    return { status: reply.status, text: await reply.text() };
  };

  test('shows rows, lag, requests in flight, rebalances and transactions; not ready while the server refuses it', async () => {
    const place = await live.place(2);
    await send(
      place,
      range(50).map((id) => `{"id":${id}${id === 7 ? ',"x":"bad"' : ''}}`),
    );
    const command = start(place, {}, '--metrics-port', '0');
    const url = await watched(command);
    const metric = async (name: string): Promise<number> => {
      const { text } = await get(`${url}/metrics`);
      const line = text.split('\n').find((each) => each.startsWith(`${name} `));
      return line === undefined ? Number.NaN : Number(line.split(' ').at(-1));
    };
    try {
      // The lag of a topic that is quiet goes to nothing: what is durable is committed without a next row.
      await until(
        async () => (await metric('sluice_rows_total{outcome="scored"}')) === 49 && (await metric('sluice_lag')) === 0,
        () => 'the metrics do not show that all is done',
      );
      expect(await metric('sluice_rows_total{outcome="failed"}')).toBe(1);
      expect(await metric('sluice_partitions')).toBe(2);
      expect(await metric('sluice_partitions_paused')).toBe(0);
      expect(await metric('sluice_rebalances_total')).toBe(0);
      expect(await metric('sluice_transactions_total')).toBeGreaterThanOrEqual(1);
      expect(await metric('sluice_requests_in_flight')).toBe(0);
      expect(await metric('sluice_state{state="running"}')).toBe(1);
      expect(await get(`${url}/healthz`)).toEqual({ status: 200, text: 'ok\n' });
      expect(await get(`${url}/readyz`)).toEqual({ status: 200, text: 'running\n' });

      const other = live.begin(live.job(place));
      await until(
        async () => (await metric('sluice_partitions')) === 1 && (await metric('sluice_rebalances_total')) >= 1,
        () => 'the metrics do not show that a member has joined',
      );
      await live.stop(other);
      await until(
        async () => (await metric('sluice_partitions')) === 2,
        () => 'the metrics do not show that a member has left',
      );

      let answer = (): void => undefined;
      const held = new Promise<void>((resolve) => (answer = resolve));
      live.server.options = { respond: () => ({ after: held, status: 403 }) };
      await send(place, ['{"id":50}']);
      await until(
        async () => (await metric('sluice_requests_in_flight')) === 1 && (await metric('sluice_lag')) >= 1,
        () => 'no request is under way',
      );
      // More than is fetched ahead.
      const pad = 'x'.repeat(50_000);
      for (const first of [51, 61, 71, 81])
        await send(
          place,
          range(10).map((id) => JSON.stringify({ id: first + id, pad })),
        );
      await until(
        async () => (await metric('sluice_partitions_paused')) === 1,
        () => 'the metrics do not show that a partition is paused',
      );
      answer();
      await until(
        async () => (await get(`${url}/readyz`)).status === 503,
        () => 'it is ready all the same',
      );
      expect((await get(`${url}/readyz`)).text).toMatch(/^paused: .*403/);
      expect((await get(`${url}/healthz`)).status).toBe(200);
      live.server.options = {};
      await until(
        async () => (await metric('sluice_rows_total{outcome="scored"}')) === 90 && (await metric('sluice_lag')) === 0,
        () => 'it does not go on',
      );
      expect(await metric('sluice_partitions_paused')).toBe(0);
    } finally {
      live.server.options = {};
      command.process.kill('SIGTERM');
      await command.ended;
    }
  });

  test('SIGTERM: what was read is scored and committed, nothing is lost or doubled, and the exit code is 130', async () => {
    const place = await live.place(1);
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    live.server.options = { respond: () => ({ after: held }) };
    const before = live.server.requests.length;
    await send(
      place,
      range(60).map((id) => `{"id":${id}}`),
    );
    const command = start(place);
    const said = sayings(command);
    await until(
      () => live.server.requests.length > before,
      () => 'nothing is asked',
    );
    command.process.kill('SIGTERM');
    await until(() => said().includes('stopping'), said);
    answer();
    live.server.options = {};
    const { code, stderr } = await command.ended;
    expect(stderr).toMatch(/JOB_INTERRUPTED: stopped after \d+ messages, all of them scored and committed/);
    expect(code).toBe(130);
    const [committed] = await live.topics.committed(place.group, place.input);
    expect(committed).toBeGreaterThan(0);
    expect(await live.topics.read(place.output)).toHaveLength(committed!);
    await live.score(place);
    expect((await live.topics.read(place.output)).map(({ value }) => JSON.parse(value!.toString()))).toEqual(
      range(60).map((id) => ({ y_PREDICTION: 2 * id, id: String(id) })),
    );
  });

  test('too many bad rows end it with exit code 4; they are among the dead letters', async () => {
    const place = await live.place(1);
    await send(
      place,
      range(60).map((id) => (id % 2 === 0 ? `{"id":${id}}` : 'no row')),
    );
    const { code, stderr } = await start(place, { deadLetters: { maxShare: 0.3, minRows: 40 } }).ended;
    expect(stderr).toMatch(/TOO_MANY_FAILURES/);
    expect(code).toBe(4);
    const letters = await live.topics.read(`${place.output}.dead`);
    expect(letters.length).toBeGreaterThanOrEqual(20);
    expect(letters.every(({ value }) => value!.toString() === 'no row')).toBe(true);
  });
});
