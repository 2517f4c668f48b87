import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { type JobInput, runJob } from '../../src/index.ts';
import { createKafkajsClient } from '../../src/links/kafka/clients/kafkajs/client.ts';
import { KafkajsConsumerWire } from '../../src/links/kafka/clients/kafkajs/consumer-wire.ts';
import { createPlatformaticClient } from '../../src/links/kafka/clients/platformatic/client.ts';
import { PlatformaticConsumerWire } from '../../src/links/kafka/clients/platformatic/consumer-wire.ts';
import { readAlone } from '../../src/links/kafka/read-alone.ts';
import { plainConnection } from '../integration/kafka-clients/client-harness.ts';
import { isWhole } from '../support/effort.ts';
import { passed } from '../support/kafka-fault-rig.ts';
import { WorkerProcess } from '../support/kafka-grid-worker.ts';
import { LiveRuns } from '../support/live-runs.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { type KafkaCluster, startKafkaCluster } from '../support/services/kafka-cluster.ts';
import { needs } from '../support/services/needs.ts';
import { until } from '../support/until.ts';

const never = new AbortController().signal;
const clients = ['kafkajs', 'platformatic'] as const;
const PARTITIONS = 4;

needs('kafka')('a cluster of three brokers', () => {
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await startKafkaCluster();
  });
  afterAll(async () => await cluster?.[Symbol.asyncDispose]());

  /** Kills brokers one after the other, each of which comes back before the next one goes. @param seen how much was done until now. */
  const killInTurn = async (seen: () => number): Promise<void> => {
    const goesOn = async (): Promise<void> => {
      const before = seen();
      await until(
        () => seen() >= before + 30,
        () => `nothing goes on: ${before}, ${seen()}`,
      );
    };
    for (const node of isWhole ? cluster.nodes : cluster.nodes.slice(0, 1)) {
      await goesOn();
      await node.kill();
      await goesOn();
      await node.start();
    }
  };

  describe.each(clients)('with %s', (client) => {
    test('is read from the replica of the same rack, and from the leader while that is gone', async () => {
      const wire = client === 'kafkajs' ? KafkajsConsumerWire : PlatformaticConsumerWire;
      const fetch = vi.spyOn(wire.prototype, 'fetch');
      await using live = await LiveRuns.open(cluster.brokers);
      const { input } = await live.place(1);
      const { topics } = await live.topics.admin.fetchTopicMetadata({ topics: [input] });
      const leader = topics[0]!.partitions[0]!.leader;
      const near = cluster.nodes.find(({ id }) => id !== leader)!;
      const connection = plainConnection(cluster.brokers, { rack: `rack-${near.id}`, retryMs: 20_000 });
      await using reading = await (client === 'kafkajs'
        ? createKafkajsClient(connection)
        : createPlatformaticClient(connection, { clock: systemClock }));
      const options = { topics: [input], from: 'earliest', bufferBytes: 1 << 20 } as const;
      await using consumer = await readAlone(reading, options, never);
      const { value: partition } = await consumer.assignments(never)[Symbol.asyncIterator]().next();
      const asked = (): number => fetch.mock.calls.at(-1)![1];
      const next = async (row: string): Promise<void> => {
        await live.topics.send(input, [{ partition: 0, value: Buffer.from(row) }]);
        const [message] = await partition!.poll(1 << 20, never);
        expect(message!.value!.toString()).toBe(row);
      };
      await next('first');
      expect(asked()).toBe(near.id);
      await near.kill();
      try {
        await next('second');
        expect(asked()).not.toBe(near.id);
      } finally {
        await near.start();
        fetch.mockRestore();
      }
    }, 120_000);

    test('is scored through by a bounded job and its worker while brokers are killed', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
      let pace = 100;
      await using server = await PredictionServer.start({ respond: () => ({ after: passed(pace) }) });
      const rows = 8_000;
      const file = join(folder, 'rows.csv');
      const path = join(folder, 'scored.csv');
      writeFileSync(file, `id,text\n${Array.from({ length: rows }, (_, id) => `${id},row ${id}\n`).join('')}`);
      const kafka = { brokers: [...cluster.brokers], client, sessionSeconds: 6, retrySeconds: 60 };
      const job: JobInput = {
        deployment: { id: 'd', server: server.url },
        intakeSettings: { file },
        outputSettings: { path },
        passthroughColumns: ['id', 'text'],
        engine: 'kafka',
        kafka: { ...kafka, job: `cluster-${client}` },
        numConcurrent: PARTITIONS,
        chunkRows: 10,
      };
      const worker = await WorkerProcess.start(join(folder, 'worker.json'), kafka, {
        deployments: { d: { server: server.url } },
      });
      try {
        const { result } = runJob(job);
        await Promise.race([killInTurn(() => server.requests.length), result]);
        expect(server.requests.length).toBeLessThan(rows / 10);
        pace = 0;
        await result;
        const scored = Array.from({ length: rows }, (_, id) => `${2 * id},${id},row ${id}\n`).join('');
        expect(readFileSync(path, 'utf8')).toBe(`y_PREDICTION,id,text\n${scored}`);
        expect(await worker.stop()).toBe(0);
      } finally {
        await worker.kill();
        rmSync(folder, { recursive: true });
      }
    }, 180_000);

    test('gives each row of a live topic once and in order while brokers are killed', async () => {
      let pace = 100;
      await using live = await LiveRuns.open(cluster.brokers, { respond: () => ({ after: passed(pace) }) });
      const place = await live.place(PARTITIONS);
      const each = 400;
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const values = Array.from({ length: each }, (_, at) => ({
          partition,
          value: Buffer.from(`{"id":${at * PARTITIONS + partition}}`),
        }));
        await live.topics.send(place.input, values);
      }
      const run = live.begin(live.job(place, { kafka: { ...live.cluster, client }, chunkRows: 2 }));
      await Promise.race([killInTurn(() => live.server.requests.length), run.result]);
      expect(live.server.requests.length).toBeLessThan((each * PARTITIONS) / 2);
      pace = 0;
      await live.drained(place, run);
      await live.stop(run);
      const seen = await live.topics.read(place.output);
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const ids = seen
          .filter((message) => message.partition === partition)
          .map(({ value }) => Number((JSON.parse(value!.toString()) as { id: string }).id));
        expect(ids).toEqual(Array.from({ length: each }, (_, at) => at * PARTITIONS + partition));
      }
    }, 180_000);
  });
});
