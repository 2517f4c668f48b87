import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import { jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { isWhole } from './effort.ts';
import { type FaultRun, KafkaFaultRig, passed } from './kafka-fault-rig.ts';
import { WorkerProcess } from './kafka-grid-worker.ts';
import { needs } from './services/needs.ts';
import { fillDisk, smallDisk } from './small-disk.ts';

/** How long each thing is away, and how long workers come and go. */
export interface FaultTimes {
  readonly serverAwayMs: number;
  readonly brokerAwayMs: number;
  /** The storm: so many changes, one every so many milliseconds, while the server takes so long for a batch. */
  readonly storm: {
    readonly changes: number;
    readonly everyMs: number;
    readonly batchMs: number;
    readonly rows: number;
    /** At least this share of what the server could do at four requests at once; null: it is fast when the storm is over. */
    readonly least: number | null;
  };
}

/** What happens to a bounded job over Kafka when the things around it fail: a clear state, and nothing lost. */
export function kafkaJobFaults(times: FaultTimes): void {
  const sasl = { mechanism: 'scram-sha-512', username: 'sluice', password: 'the-right-one' } as const;
  const longest = 120_000 + times.serverAwayMs + times.brokerAwayMs;

  needs('kafka')('a job over Kafka, around which things fail', () => {
    let rig: KafkaFaultRig;
    beforeAll(async () => {
      rig = await KafkaFaultRig.start({ kafka: { sasl } });
    }, 60_000);
    afterAll(async () => await rig?.[Symbol.asyncDispose]());

    const slowly = (ms: number): void => rig.respond(() => ({ after: passed(ms) }));
    const expectWhole = async (run: FaultRun, of = rig): Promise<void> => {
      expect(await run.ended).toMatchObject({ code: 0 });
      expect(readFileSync(run.output).equals(await of.expected())).toBe(true);
      expect((await verifyNamedOutput(run.output)).problems).toEqual([]);
    };

    test(
      'goes on by itself when the prediction server comes back',
      async () => {
        slowly(20);
        const run = rig.run('server-away');
        await rig.requests(5);
        await rig.serverAway(passed(times.serverAwayMs));
        await expectWhole(run);
      },
      longest,
    );

    test(
      'goes on by itself when the broker comes back, its worker too',
      async () => {
        slowly(20);
        const worker = await rig.worker('broker-away');
        const run = rig.run('broker-away');
        await rig.requests(5);
        await rig.brokerAway(passed(times.brokerAwayMs));
        await expectWhole(run);
        expect(await worker.stop()).toBe(0);
      },
      longest,
    );

    test('ends when the prediction server is away for too long, and the next run completes the output', async () => {
      slowly(20);
      const run = rig.run('server-gone', { retry: { budgetSeconds: 1 } });
      await rig.requests(15);
      await rig.serverAway(run.ended);
      const { code, stderr } = await run.ended;
      expect(stderr).toMatch(/RETRY_BUDGET_SPENT.*Run the same job again/);
      expect(code).toBe(1);
      await expectWhole(rig.run('server-gone'));
    }, 60_000);

    if (isWhole)
      test('ends when the broker is away for too long, and the next run completes the output', async () => {
        slowly(20);
        const run = rig.run('broker-gone', { kafka: { ...rig.cluster('broker-gone'), retrySeconds: 2 } });
        await rig.requests(15);
        await rig.brokerAway(run.ended);
        const { code, stderr } = await run.ended;
        expect(stderr).toMatch(/KAFKA_UNREACHABLE/);
        expect(code).toBe(1);
        await expectWhole(rig.run('broker-gone'));
      }, 60_000);

    test('a worker that stood still for longer than its session writes nothing when it goes on', async () => {
      const worker = await rig.worker('still');
      const reached = Promise.withResolvers<void>();
      const stopped = Promise.withResolvers<void>();
      rig.respond(({ headers }) => {
        if (headers.authorization !== 'Bearer token-of-a-worker') return { after: passed(20) };
        reached.resolve();
        return { after: stopped.promise };
      });
      const run = rig.run('still', { kafka: { ...rig.cluster('still'), keepTopics: true } });
      await reached.promise;
      worker.signal('SIGSTOP');
      // Its answer waits for it in its socket.
      stopped.resolve();
      await expectWhole(run);
      const ends = () => rig.ask(({ topics }) => topics.ranges(jobTopics('still').scored));
      const before = await ends();
      worker.signal('SIGCONT');
      await worker.says(/left the job/);
      expect(await ends()).toEqual(before);
      expect(await worker.stop()).toBe(0);
    }, 60_000);

    test(
      'workers that come and go lose and double no row',
      async () => {
        const { changes, everyMs, batchMs, rows, least } = times.storm;
        await using storm = await KafkaFaultRig.start({ rows, broker: rig.broker, sessionSeconds: 10 });
        let pace = batchMs;
        storm.respond(() => ({ after: passed(pace) }));
        const began = performance.now();
        const run = storm.run('storm', { numConcurrent: 4, chunkSize: 1_000 });
        const present = [await storm.worker('worker-0'), await storm.worker('worker-1')];
        let change = 0;
        for (; change < changes && run.process.exitCode === null; change += 1) {
          await passed(everyMs);
          if (change % 2 === 0) expect(await present.shift()!.stop()).toBe(0);
          else present.push(await storm.worker(`worker-${change + 1}`));
        }
        expect(change).toBeGreaterThan(1);
        if (least === null) pace = 0;
        await expectWhole(run, storm);
        if (least === null) return;
        // Of what four requests at once would come to; a batch that was asked for twice counts once.
        const batches = new Set(storm.server.requests.map(({ rows: [first] }) => first![0])).size;
        const share = (batches * batchMs) / 4 / (performance.now() - began);
        console.log(`storm: ${(100 * share).toFixed(0)} % of what the server could do`);
        expect(share).toBeGreaterThan(least);
      },
      longest + 4 * times.storm.changes * times.storm.everyMs,
    );

    test.each(['rows', 'scored'] as const)(
      'its topic of %s, removed under it, ends it with its name, and the next run completes the output',
      async (which) => {
        slowly(20);
        const name = `removed-${which}`;
        const topic = jobTopics(name)[which];
        const run = rig.run(name);
        await rig.requests(5);
        await rig.ask(({ topics }) => topics.remove([topic]));
        const { code, stderr } = await run.ended;
        expect(stderr).toMatch(
          new RegExp(`KAFKA_TOPIC_MISSING: ${topic} of the job was removed.*run the same job again`),
        );
        expect(code).toBe(1);
        expect(existsSync(run.output)).toBe(false);
        await expectWhole(rig.run(name));
      },
      90_000,
    );

    test.each(['kafkajs', 'platformatic'] as const)(
      'a wrong password ends it at once, its worker too, and is told to nobody (%s)',
      async (client) => {
        slowly(0);
        const file = join(rig.folder, 'few.csv');
        writeFileSync(file, 'id,text,x\n1,a,1\n2,b,2\n');
        const intakeSettings = { file };
        const cluster = { ...rig.cluster(`login-${client}`), brokers: [...rig.broker.brokers], client };
        const wrong = { ...cluster, sasl: { ...sasl, password: 'a-wrong-one' } };
        const run = rig.run(`login-${client}`, { intakeSettings, kafka: wrong });
        const worker = await WorkerProcess.start(join(rig.folder, 'wrong.worker.json'), wrong);
        const { code, stderr, stdout } = await run.ended;
        expect([code, await worker.ended]).toEqual([1, 1]);
        for (const said of [stderr, worker.said]) expect(said).toMatch(/KAFKA_ACCESS/);
        expect(stderr + stdout + worker.said).not.toContain('a-wrong-one');
        const right = rig.run(`login-${client}`, { intakeSettings, kafka: { ...cluster, sasl } });
        expect(await right.ended).toMatchObject({ code: 0 });
      },
      60_000,
    );

    test('a row of 20 MB goes through as it is', async () => {
      slowly(0);
      const file = join(rig.folder, 'huge-row.csv');
      const text = 'x'.repeat(20_000_000);
      writeFileSync(file, `id,text,x\n1,a,1\n2,${text},2\n3,b,3\n`);
      const run = rig.run('huge', { intakeSettings: { file }, passthroughColumns: ['id', 'text'] });
      expect(await run.ended).toMatchObject({ code: 0 });
      expect(readFileSync(run.output, 'utf8') === `y_PREDICTION,id,text\n2,1,a\n4,2,${text}\n6,3,b\n`).toBe(true);
      rmSync(file);
    }, 60_000);
  });

  if (isWhole)
    needs('kafka')('a broker that refuses a job over Kafka', () => {
      test('as its disk is full ends the job with a reason, and the next run completes the output when there is room', async () => {
        await using disk = await smallDisk(48 << 20);
        await using rig = await KafkaFaultRig.start({
          rows: 20_000,
          kafka: { config: { 'log.dirs': join(disk.path, 'records') } },
        });
        rig.respond(() => ({ after: passed(20) }));
        const filler = join(disk.path, 'filler');
        const run = rig.run('full', { kafka: { ...rig.cluster('full'), retrySeconds: 5 } });
        await rig.requests(2);
        fillDisk(filler);
        const { code, stderr } = await run.ended;
        expect(stderr).toMatch(/KAFKA_UNREACHABLE|KAFKA_FAULT/);
        expect(code).toBe(1);
        expect(existsSync(run.output)).toBe(false);
        rmSync(filler);
        await rig.broker.kill();
        await rig.broker.start();
        rig.respond(() => undefined);
        const again = rig.run('full');
        expect(await again.ended).toMatchObject({ code: 0 });
        expect(readFileSync(again.output).equals(await rig.expected())).toBe(true);
      }, 120_000);
    });
}
