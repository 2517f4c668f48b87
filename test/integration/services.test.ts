import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Kafka, KafkaConfig } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { sluice } from '../support/command-line.ts';
import { plainKafka } from '../support/plain-kafka.ts';
import { type KafkaService, kafkaService, startKafka } from '../support/services/kafka.ts';
import { kafkaConsoleConsumer } from '../support/services/kafka-console-consumer.ts';
import { leftOut } from '../support/services/left-out.ts';
import { needs } from '../support/services/needs.ts';
import { schemaRegistry } from '../support/services/schema-registry.ts';

const root = join(import.meta.dirname, '../..');

function client(brokers: readonly string[], more: Partial<KafkaConfig> = {}): Kafka {
  return plainKafka(brokers, { retry: { initialRetryTime: 20, maxRetryTime: 500, retries: 60 }, ...more });
}

needs('kafka')('the Kafka service', () => {
  test('one broker is shared by the run, and cannot be killed', async () => {
    const [one, other] = [await kafkaService(), await kafkaService()];
    expect(one.brokers).toEqual(other.brokers);
    await expect(one.kill()).rejects.toThrow('shared by all tests');
  });
});

needs('kafka')('a broker of a test', () => {
  let kafka: KafkaService;
  beforeAll(async () => {
    kafka = await startKafka();
  });
  afterAll(() => kafka?.[Symbol.asyncDispose]());

  test('keeps its records and its address when it is killed and started again', async () => {
    const admin = client(kafka.brokers).admin();
    const producer = client(kafka.brokers).producer();
    await admin.connect();
    await producer.connect();
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }] });
    await producer.send({ topic: 'kept', messages: [{ value: 'a' }, { value: 'b' }] });
    const first = kafka.pid;
    await kafka.kill();
    expect(kafka.pid).toBeNull();
    await kafka.start();
    expect(kafka.pid).not.toBe(first);
    expect((await admin.fetchTopicOffsets('kept'))[0]!.high).toBe('2');
    await producer.disconnect();
    await admin.disconnect();
  });

  test('answers nothing while it is paused', async () => {
    const admin = client(kafka.brokers, { requestTimeout: 1000, retry: { retries: 0 } }).admin();
    await admin.connect();
    await kafka.pause();
    await expect(admin.listTopics()).rejects.toThrow();
    await admin.disconnect();
    await kafka.resume();
    const patient = client(kafka.brokers).admin();
    await patient.connect();
    expect(await patient.listTopics()).toEqual(['kept']);
    await patient.disconnect();
  });
});

needs('kafka')('Kafka of the run', () => {
  test("Java's console consumer gives what was committed, byte for byte, and not what was aborted", async () => {
    const kafka = await kafkaService();
    const topic = `services-${crypto.randomUUID()}`;
    const admin = client(kafka.brokers).admin();
    const producer = client(kafka.brokers).producer({
      idempotent: true,
      transactionalId: topic,
      maxInFlightRequests: 1,
    });
    await admin.connect();
    await producer.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    const key = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const committed = await producer.transaction();
    await committed.send({
      topic,
      messages: [
        { partition: 0, key, value: 'é\t\\N\n', headers: { a: 'b:c', d: Buffer.from([0, 255]) } },
        { partition: 1, value: null },
      ],
    });
    await committed.commit();
    const aborted = await producer.transaction();
    await aborted.send({ topic, messages: [{ partition: 0, value: 'aborted' }] });
    await aborted.abort();
    await producer.disconnect();
    await admin.disconnect();
    const given = await kafkaConsoleConsumer(kafka.brokers, topic);
    expect(given.toSorted((a, b) => a.partition - b.partition)).toEqual([
      {
        partition: 0,
        offset: 0,
        key,
        value: Buffer.from('é\t\\N\n'),
        headers: [
          ['a', Buffer.from('b:c')],
          ['d', Buffer.from([0, 255])],
        ],
      },
      { partition: 1, offset: 0, key: null, value: null, headers: [] },
    ]);
    const all = await kafkaConsoleConsumer(kafka.brokers, topic, { isolation: 'read_uncommitted', count: 3 });
    expect(all.map(({ value }) => value?.toString())).toContain('aborted');
  });
});

needs('registry')('the schema registry', () => {
  test('gives a schema the same id again, refuses an incompatible one, and fails when it is told to', async () => {
    await using registry = await schemaRegistry();
    const subject = `services-${crypto.randomUUID()}`;
    const call = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
      const reply = await fetch(`${registry.url}${path}`, {
        method,
        headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: reply.status, body: await reply.json() };
    };
    const record = (type: string): { schema: string } => ({
      schema: JSON.stringify({ type: 'record', name: 'Row', fields: [{ name: 'a', type }] }),
    });
    const versions = `/subjects/${subject}/versions`;
    const first = await call('POST', versions, record('int'));
    expect(first.status).toBe(200);
    expect(await call('POST', versions, record('int'))).toEqual(first);
    const { id } = first.body as { id: number };
    expect((await call('GET', `/schemas/ids/${id}`)).body).toMatchObject(record('int'));
    await call('PUT', `/config/${subject}`, { compatibility: 'BACKWARD' });
    expect((await call('POST', versions, record('string'))).status).toBe(409);
    registry.fail(500);
    expect((await call('GET', '/subjects')).status).toBe(500);
    registry.fail(null);
    expect((await call('GET', versions)).body).toEqual([1]);
  });
});

describe('what a run goes without', () => {
  test('is named once each, and a name that is no service is an error', () => {
    expect(leftOut(' registry,kafka,,kafka ')).toEqual(['kafka', 'registry']);
    expect(leftOut('')).toEqual([]);
    expect(() => leftOut('kafak')).toThrow("names 'kafak'");
  });

  test('is in the last line of continuous integration', async () => {
    const counts = promisify(execFile)(process.execPath, ['scripts/test-counts.js', 'no-such-report.json'], {
      cwd: root,
      env: { ...process.env, SLUICE_TEST_WITHOUT: 's3, kafka,mariadb,,kafka' },
    });
    await expect(counts).rejects.toMatchObject({ stdout: '0 passed, 1 failed, without kafka, mariadb, s3\n' });
  });
});

describe('the container files', () => {
  interface Service {
    readonly build?: string;
    readonly image: string;
    readonly command?: readonly string[];
    readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
    readonly healthcheck?: unknown;
    readonly volumes?: readonly string[];
  }
  const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
    readonly services: Readonly<Record<string, Service>>;
    readonly volumes: Readonly<Record<string, null>>;
  };
  const services = Object.values(compose.services);

  test('name only commands and options that the command line has', async () => {
    const commands = services.flatMap(({ build, command }) =>
      build === undefined || command === undefined ? [] : [command],
    );
    expect(commands.map(([name]) => name)).toEqual(['model-server', 'serve', 'worker', 'worker']);
    for (const [name, ...args] of commands) {
      const help = await sluice([name!, '--help']);
      expect(help.code, `sluice ${name} --help`).toBe(0);
      for (const option of args.filter((argument) => argument.startsWith('--'))) expect(help.stdout).toContain(option);
    }
  });

  test('wait for services that are there and say when they are healthy', () => {
    for (const [name, { condition }] of services.flatMap(({ depends_on }) => Object.entries(depends_on ?? {}))) {
      expect(condition).toBe('service_healthy');
      expect(compose.services[name]?.healthcheck, name).toBeDefined();
    }
    const named = services.flatMap(({ volumes }) => volumes ?? []).filter((volume) => !volume.startsWith('.'));
    expect(named.map((volume) => volume.split(':')[0])).toEqual(Object.keys(compose.volumes));
  });

  test('copy only files that are there and that .dockerignore lets through, and run as a user without rights', () => {
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
    const passed = readFileSync(join(root, '.dockerignore'), 'utf8').match(/(?<=^!).+$/gm);
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) => match[1]!.split(' '));
    expect(copied.toSorted()).toEqual(passed!.filter((name) => name !== '').toSorted());
    expect(dockerfile).toMatch(/^USER node$/m);
    expect(dockerfile).toContain('ENTRYPOINT ["node", "/sluice/bin/sluice.js"]');
  });
});
