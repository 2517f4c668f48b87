import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { findChromium } from './chromium.ts';
import { type KafkaService, namedBrokers, startKafka } from './kafka.ts';
import { findKafkaRuntime } from './kafka-runtime.ts';
import { findKafkaTools } from './kafka-tools.ts';
import { leftOut } from './left-out.ts';
import { findMariaDbRuntime } from './mariadb-runtime.ts';
import type { RunServices } from './of-the-run.ts';
import { findS3Runtime } from './s3-gateway.ts';
import { startRegistry } from './schema-registry.ts';

/**
 * The global set-up of vitest: a desk where test files, each in a process of its own, ask for what the run has once. What nobody
 * asks for is not started. Says what it took, ends it all, and at the end says what the run went without.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const without = leftOut();
  const own: AsyncDisposable[] = [];
  const say = (text: string): void => console.error(`services: ${text}`);

  const bringAbout: { readonly [K in keyof RunServices]: () => Promise<RunServices[K]> } = {
    chromium: findChromium,
    'kafka-runtime': findKafkaRuntime,
    kafka: async () => {
      const named = namedBrokers();
      if (named !== null) {
        say(`Kafka of SLUICE_TEST_KAFKA on ${named.join(', ')}`);
        return named;
      }
      const kafka: KafkaService = await startKafka();
      own.push(kafka);
      say(kafka.description);
      return kafka.brokers;
    },
    'kafka-tools': findKafkaTools,
    registry: async () => {
      const named = process.env.SLUICE_TEST_REGISTRY;
      if (named !== undefined && named !== '') {
        say(`the schema registry of SLUICE_TEST_REGISTRY on ${named}`);
        return named.replace(/\/$/, '');
      }
      const registry = await startRegistry();
      own.push({ [Symbol.asyncDispose]: () => registry.stop() });
      say(registry.description);
      return registry.url;
    },
    h2: async () => {
      const { startH2 } = await import('./h2.ts');
      const { host, port, ...h2 } = await startH2();
      own.push(h2);
      say(h2.description);
      return { host, port };
    },
    'mariadb-runtime': findMariaDbRuntime,
    mariadb: async () => {
      const { namedMariaDb, startMariaDb } = await import('./mariadb.ts');
      const named = namedMariaDb();
      if (named !== null) {
        say(`MariaDB of SLUICE_TEST_MARIADB on ${named.host}:${named.port}`);
        return named;
      }
      const { host, port, user, password, ...mariaDb } = await startMariaDb();
      own.push(mariaDb);
      say(mariaDb.description);
      return { host, port, user, password };
    },
    postgres: async () => {
      const { namedPostgres, startPostgres } = await import('./postgres.ts');
      const named = namedPostgres();
      if (named !== null) {
        say(`the PostgreSQL of SLUICE_TEST_POSTGRES on ${named.host}:${named.port}`);
        return named;
      }
      const { host, port, user, password, ...postgres } = await startPostgres();
      own.push(postgres);
      say(postgres.description);
      return { host, port, user, password };
    },
    's3-runtime': findS3Runtime,
    s3: async () => {
      // Its client library takes a second to load: not before it is needed.
      const { namedS3, startS3 } = await import('./s3.ts');
      const named = namedS3();
      if (named !== null) {
        say(`the S3 server of SLUICE_TEST_S3 on ${named.endpointUrl}`);
        return named;
      }
      const { endpointUrl, accessKeyId, secretAccessKey, ...s3 } = await startS3();
      own.push(s3);
      say(s3.description);
      return { endpointUrl, accessKeyId, secretAccessKey };
    },
  };
  const under = new Map<string, Promise<unknown>>();
  const once = (name: keyof RunServices): Promise<unknown> => {
    const known = under.get(name) ?? bringAbout[name]();
    under.set(name, known);
    return known;
  };

  const server = createServer((request, response) => {
    // A connection that is kept may be closed by the one while the other begins to use it.
    response.setHeader('connection', 'close');
    const name = (request.url ?? '').slice(1);
    const asked = name in bringAbout ? once(name as keyof RunServices) : Promise.reject(new Error(`no ${name} here`));
    asked.then(
      (value) => response.end(JSON.stringify(value)),
      (error: unknown) => {
        response.statusCode = 500;
        response.end(error instanceof Error ? error.message : String(error));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env.SLUICE_TEST_DESK = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  return async () => {
    delete process.env.SLUICE_TEST_DESK;
    server.closeAllConnections();
    server.close();
    await Promise.allSettled(under.values());
    for (const service of own.toReversed()) await service[Symbol.asyncDispose]();
    if (without.length > 0) console.log(lastLine(project, without));
  };
}

/** As scripts/test-counts.js words it. */
function lastLine(project: TestProject, without: readonly string[]): string {
  const modules = project.vitest.state.getTestModules();
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const count = (state: string): number => tests.filter((test) => test.result().state === state).length;
  const broken = modules.filter((module) => module.state() === 'failed' && module.children.size === 0).length;
  return `${count('passed')} passed, ${count('failed') + broken} failed, without ${without.join(', ')}`;
}
