import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobInput } from '../../src/index.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { Announcements } from '../../src/jobs/kafka/announcements.ts';
import type { KafkaClient } from '../../src/links/kafka/client.ts';
import { jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { type FaultRun, KafkaFaultRig, passed } from '../support/kafka-fault-rig.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

const never = new AbortController().signal;

needs('kafka')('a bounded job over Kafka', () => {
  let rig: KafkaFaultRig;
  let count = 0;
  beforeAll(async () => {
    rig = await KafkaFaultRig.start({ broker: await kafkaService() });
  }, 120_000);
  afterAll(async () => await rig?.[Symbol.asyncDispose]());

  /** A name that no other run on a shared cluster has. */
  const named = (name: string): string => {
    count += 1;
    return `jobs-${process.pid}-${count}-${name}`;
  };
  const slowly = (ms: number): void => rig.respond(() => ({ after: passed(ms) }));
  const expectWhole = async (run: FaultRun): Promise<void> => {
    const { code, stderr } = await run.ended;
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(readFileSync(run.output).equals(await rig.expected())).toBe(true);
  };
  const present = (name: string): Promise<readonly (number | null)[]> => {
    const { rows, scored } = jobTopics(name);
    return rig.ask(async ({ topics }) => [await topics.partitions(rows), await topics.partitions(scored)]);
  };

  test('that is stopped is continued from another folder, and says what it found', async () => {
    const name = named('moved');
    slowly(20);
    const first = rig.run(name);
    await rig.requests(8);
    first.process.kill('SIGTERM');
    expect(await first.ended).toMatchObject({ code: 130 });
    expect(await present(name)).toEqual([2, 2]);
    // Another machine has the output's folder (a mount) and the cluster, but nothing of what the first process knew.
    const elsewhere = join(rig.folder, 'elsewhere');
    mkdirSync(elsewhere);
    const before = rig.server.requests.length;
    const again = rig.run(name, {}, { cwd: elsewhere });
    await expectWhole(again);
    const last = (await again.ended).stderr
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .at(-1)!;
    expect(JSON.parse(last)).toMatchObject({ state: 'done', rows: rig.rows });
    const requests = new Set(rig.server.requests.slice(before).map(({ rows: [row] }) => row![0]));
    expect(requests.has('0')).toBe(false);
  }, 120_000);

  test('leaves no topic and no group behind, unless its topics are to be kept', async () => {
    const [gone, kept] = [named('gone'), named('kept')];
    slowly(0);
    await Promise.all([
      expectWhole(rig.run(gone)),
      expectWhole(rig.run(kept, { kafka: { ...rig.cluster(kept), keepTopics: true } })),
    ]);
    expect(await present(gone)).toEqual([null, null]);
    expect(await rig.ask(({ topics }) => topics.members(jobTopics(gone).group))).toBe(0);
    expect(await present(kept)).toEqual([2, 2]);
  }, 120_000);

  test('whose topics were kept is scored again from them into a new output, without its file', async () => {
    const name = named('replayed');
    slowly(0);
    await expectWhole(rig.run(name, { kafka: { ...rig.cluster(name), keepTopics: true } }));
    const replay = named('replay');
    const topic = jobTopics(name).rows;
    const intakeSettings = { type: 'kafka', topic, format: 'sluice', until: 'end' } as const;
    await expectWhole(rig.run(replay, { engine: 'direct', intakeSettings }));
    const { rows, group } = jobTopics(name);
    const committed = () => rig.ask(({ topics }) => topics.committed(group, rows));
    const before = await committed();
    await expectWhole(rig.run(`${replay}-kafka`, { intakeSettings }));
    expect(await committed()).toEqual(before);
  }, 120_000);

  test('replays a topic of the user by offsets and by times, and leaves the offsets of live groups alone', async () => {
    const topic = named('history');
    slowly(0);
    const record = (row: number) => ({ key: null, value: Buffer.from(`{"id":${row},"x":${row}}`), headers: [] });
    const between = await rig.ask(async (client) => {
      await client.topics.create({ name: topic, partitions: 2, replicationFactor: 1, config: {} });
      await using producer = await client.producer({ compression: 'none' }, never);
      const send = (partition: number, rows: readonly number[]) =>
        producer.send([{ topic, partition, records: rows.map(record) }], never);
      await send(0, [0, 1, 2]);
      await send(1, [3, 4, 5]);
      // Records of the same millisecond cannot be told apart by their time.
      await passed(5);
      const time = Date.now();
      await passed(5);
      await send(0, [6, 7]);
      await send(1, [8]);
      return new Date(time).toISOString();
    });
    const replay = async (settings: object): Promise<readonly string[]> => {
      const intakeSettings = { type: 'kafka', topic, group: 'live-group', ...settings } as JobInput['intakeSettings'];
      const run = rig.run(named('by'), { engine: 'direct', intakeSettings, passthroughColumns: ['id'] });
      const { code, stderr } = await run.ended;
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      const lines = readFileSync(run.output, 'utf8').trim().split('\n').slice(1);
      return lines.map((line) => line.split(',')[1]!).toSorted();
    };
    expect(await replay({ from: 'earliest', until: 'end' })).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
    expect(await replay({ from: { 0: 1, 1: 2 }, until: { 0: 4, 1: 3 } })).toEqual(['1', '2', '5', '6']);
    expect(await replay({ from: between, until: 'end' })).toEqual(['6', '7', '8']);
    expect(await replay({ from: 'earliest', until: between })).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(await rig.ask(({ topics }) => topics.committed('live-group', topic))).toEqual([null, null]);
  }, 120_000);

  test('shows the requests of its workers together with its own, while they are under way and when they have ended', async () => {
    const name = named('shown');
    const before = rig.server.requests.length;
    const both = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    const tokens = new Set<string | undefined>();
    rig.respond(({ headers }) => {
      tokens.add(headers.authorization);
      if (tokens.size === 2) both.resolve();
      return { after: tokens.size === 2 ? seen.promise : passed(300) };
    });
    const helper = await rig.worker(`${name}-helper`);
    const run = rig.run(name, { limiter: 'fixed' });
    await both.promise;
    // Each of them has one of the two partitions, and asks with one request at a time.
    let said = '';
    await new Promise<void>((resolve) =>
      run.process.stderr!.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (/"inFlight":2,"limit":2,/.test(said)) resolve();
      }),
    );
    seen.resolve();
    await expectWhole(run);
    const lines = said.split('\n').filter((line) => line.startsWith('{'));
    const last = JSON.parse(lines.at(-1)!);
    const asked = rig.server.requests.slice(before).map(({ headers }) => headers.authorization);
    expect(last.requests).toBeGreaterThan(asked.filter((token) => token === 'Bearer token-of-the-run').length);
    expect(last.requests).toBeLessThanOrEqual(asked.length);
    expect(last.latencyP99Ms).toBeGreaterThan(250);
    await helper.stop();
  }, 120_000);

  test('is completed by the others when a worker has no token for its deployment, which says so', async () => {
    const name = named('token');
    const tokens = new Set<string | undefined>();
    // Until the helper takes part there is enough to do for it to come in time.
    rig.respond(({ headers }) => {
      tokens.add(headers.authorization);
      return { after: passed(tokens.size === 2 ? 0 : 100) };
    });
    const [without, helper] = [await rig.worker(`${name}-without`, null), await rig.worker(`${name}-helper`)];
    const run = rig.run(name);
    await without.says(/needs a token.*--config/);
    await helper.says(new RegExp(`joined the job ${name}`));
    await expectWhole(run);
    expect(tokens).toEqual(new Set(['Bearer token-of-a-worker', 'Bearer token-of-the-run']));
    await helper.says(new RegExp(`left the job ${name}`));
    expect(await Promise.all([without.stop(), helper.stop()])).toEqual([0, 0]);
  }, 120_000);

  test('is completed by the others when the server refuses the token of a worker, which says so', async () => {
    const name = named('refused');
    let refusals = 0;
    rig.respond(({ headers }) => {
      if (headers.authorization !== 'Bearer a-wrong-one') return { after: passed(refusals > 0 ? 0 : 100) };
      refusals += 1;
      return { status: 401 };
    });
    const refused = await rig.worker(`${name}-worker`, 'a-wrong-one');
    const run = rig.run(name);
    await refused.says(/401.*trying again/);
    await expectWhole(run);
    expect(refused.said).not.toContain('a-wrong-one');
    expect(await refused.stop()).toBe(0);
  }, 120_000);

  test('whose run was taken for dead says nothing of it when it leaves: workers stay with the run that took over', async () => {
    const name = named('taken-over');
    slowly(20);
    const run = rig.run(name);
    await rig.requests(8);
    const { kafka } = resolveJob({
      deployment: { id: 'd', server: rig.server.url },
      intakeSettings: { file: 'in.csv' },
      outputSettings: { path: 'out.csv' },
      kafka: rig.cluster(name),
      engine: 'kafka',
    });
    const look = (client: KafkaClient) => Announcements.open(client, kafka!);
    await rig.ask(async (client) => {
      const announcements = await look(client);
      const announced = await announcements.find(name, never);
      expect(announced).toMatchObject({ state: 'running' });
      await announcements.announce(name, { ...announced!, run: 'another' }, never);
    });
    run.process.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 130 });
    await rig.ask(async (client) => {
      const announcements = await look(client);
      expect(await announcements.find(name, never)).toMatchObject({ state: 'running', run: 'another' });
      await announcements.announce(name, null, never);
    });
  }, 120_000);

  test('refuses topics of another job under its name, and begins anew when it is told to overwrite', async () => {
    const name = named('other');
    slowly(20);
    const first = rig.run(name);
    await rig.requests(8);
    first.process.kill('SIGINT');
    await first.ended;
    const file = join(rig.folder, 'other.csv');
    writeFileSync(file, 'id,text,x\n1,a,1\n');
    const over = { intakeSettings: { file }, outputSettings: { path: join(rig.folder, `${name}-2.csv`) } };
    const { code, stderr } = await rig.run(name, over).ended;
    expect(stderr).toMatch(/LEDGER_OTHER_JOB/);
    expect(stderr).toContain(name);
    expect(code).toBe(1);
    expect(await rig.run(name, over, { arguments: ['--overwrite'] }).ended).toMatchObject({ code: 0 });
    expect(readFileSync(over.outputSettings.path, 'utf8')).toBe('y_PREDICTION,id,text\n2,1,a\n');
  }, 120_000);
});
