import type { LookupAddress } from 'node:dns';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import type { SqlAccess } from '../../connectors/sql/sql-settings.ts';
import { findSluiceError } from '../../src/core/error.ts';
import type { JobInput } from '../../src/index.ts';
import { loadConfiguration } from '../../src/jobs/configuration.ts';
import { resolveJob } from '../../src/jobs/description/parse-job.ts';
import { startJob } from '../../src/jobs/run-job.ts';
import { allowedTargets } from '../../src/server/security/allowed-targets.ts';
import { HurriedClock } from '../support/hurried-clock.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { needs } from '../support/services/needs.ts';
import { newMariaDb, newPostgres, type TestDatabase } from '../support/sql-databases.ts';
import { WebServer } from '../support/web-server.ts';

/** All names are this machine; no resolver knows them, so whoever connects has asked here. */
function resolve(_hostname: string, _options: object, callback: (error: null, found: LookupAddress[]) => void): void {
  callback(null, [{ address: '127.0.0.1', family: 4 }]);
}

/** Names that no resolver knows, one of them allowed. */
const guard = allowedTargets(['allowed.test'], resolve);
const REFUSED = ['refused.test', 'localhost', '127.0.0.1', '0x7f.0.0.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]'];

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-guarded-'));
  writeFileSync(join(folder, 'rows.csv'), 'x\n1\n2\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a job with a guard', () => {
  let predictions: PredictionServer;
  let web: WebServer;
  beforeAll(async () => {
    predictions = await PredictionServer.start();
  });
  afterAll(() => predictions.close());
  beforeEach(async () => {
    web = await WebServer.start();
    web.bodies.set('/rows.csv', { bytes: Buffer.from('x\n1\n2\n'), etag: '"1"' });
  });
  afterEach(() => web.close());

  const at = (host: string, url: string): string => url.replace('127.0.0.1', host);
  const out = (): string => join(folder, 'scored.csv');

  /** The code of the error that the job ends with; null for one that is done. */
  async function run(job: Partial<JobInput>): Promise<string | null> {
    const whole = {
      deployment: { id: 'd', server: at('allowed.test', predictions.url) },
      intakeSettings: { type: 'localFile', file: join(folder, 'rows.csv') },
      outputSettings: { type: 'localFile', path: out() },
      retry: { connectSeconds: 0, budgetSeconds: 0 },
      ...job,
    };
    try {
      await startJob(resolveJob(whole, { guard }), { clock: new HurriedClock() }).result;
      return null;
    } catch (error) {
      return findSluiceError(error)?.code ?? String(error);
    }
  }

  const ends: readonly { readonly name: string; readonly job: (host: string) => Partial<JobInput> }[] = [
    { name: 'an intake', job: (host) => ({ intakeSettings: { type: 'http', url: `${at(host, web.url)}/rows.csv` } }) },
    {
      name: 'an output',
      job: (host) => ({
        outputSettings: { type: 'http', url: `${at(host, web.url)}/out.csv`, spool: join(folder, 'spool.csv') },
      }),
    },
    { name: 'a prediction server', job: (host) => ({ deployment: { id: 'd', server: at(host, predictions.url) } }) },
  ];
  describe.each(ends)('$name', ({ job }) => {
    test('is reached by the address that the guard has looked at', async () => {
      expect(await run(job('allowed.test'))).toBeNull();
    });

    test.each(REFUSED)('is not asked at %s', async (host) => {
      const before = predictions.requests.length;
      expect(await run(job(host))).toBe('TARGET_REFUSED');
      expect(web.requests).toEqual([]);
      if (job(host).deployment !== undefined) expect(predictions.requests.length).toBe(before);
    });
  });

  test.each(REFUSED)('does not follow a redirect to %s, though the job allows that host', async (host) => {
    await using inner = await WebServer.start();
    inner.bodies.set('/secret.csv', { bytes: Buffer.from('x\n7\n') });
    const location = `${at(host, inner.url)}/secret.csv`;
    web.fault = () => ({ status: 302, headers: { location } });
    const url = `${at('allowed.test', web.url)}/rows.csv`;
    const allowedHosts = [new URL(location).host, new URL(location).hostname];
    expect(await run({ intakeSettings: { type: 'http', url, allowedHosts } })).toBe('TARGET_REFUSED');
    expect(inner.requests).toEqual([]);
  });

  test.each(REFUSED)('sends nothing to a store of S3 at %s', async (host) => {
    const endpointUrl = at(host, web.url);
    const credentials = { awsAccessKeyId: 'a', awsSecretAccessKey: 'b' };
    const intakeSettings = { type: 's3', url: 's3://bucket/rows.csv', endpointUrl, credentials } as const;
    expect(await run({ intakeSettings })).toBe('TARGET_REFUSED');
    expect(await run({ intakeSettings: { ...intakeSettings, pathStyle: false } })).toBe('TARGET_REFUSED');
    expect(web.requests).toEqual([]);
  });

  test('reaches a store of S3 by the address that the guard has looked at', async () => {
    const intakeSettings = {
      type: 's3',
      url: 's3://bucket/rows.csv',
      endpointUrl: at('allowed.test', web.url),
      credentials: 'none',
    } as const;
    // It is no store; what matters is that it was asked.
    expect(await run({ intakeSettings })).not.toBe('TARGET_REFUSED');
    expect(web.requests[0]?.headers.host).toMatch(/^allowed\.test:/);
  });

  test.each([
    { what: 'a file', jdbcUrl: 'jdbc:sqlite:/etc/passwd' },
    { what: 'a file by another driver', jdbcUrl: 'jdbc:h2:/tmp/there', jars: ['/tmp/h2.jar'] },
    { what: 'a driver of its own', jdbcUrl: 'jdbc:postgresql://allowed.test/db', jars: ['/tmp/evil.jar'] },
    { what: 'a class', jdbcUrl: 'jdbc:postgresql://allowed.test/db', driverClass: 'com.evil.Driver' },
    { what: 'a certificate in a file', jdbcUrl: 'jdbc:postgresql://allowed.test/db?ssl=true&sslrootcert=/etc/passwd' },
    { what: 'a key in a file', jdbcUrl: 'jdbc:postgresql://allowed.test/db?sslmode=require&SSLKEY=/etc/shadow' },
    {
      what: 'a certificate in a file, in MySQL',
      jdbcUrl: 'jdbc:mysql://allowed.test/db?useSSL=true&serverSslCert=/etc/passwd',
    },
  ])('opens no database by $what', async ({ what: _what, ...given }) => {
    expect(await run({ intakeSettings: { type: 'jdbc', table: 't', connectSeconds: 0, ...given } })).toBe(
      'TARGET_REFUSED',
    );
  });

  test('leaves what a configuration names alone', async () => {
    const job = resolveJob(
      {
        deploymentId: 'd',
        intakeSettings: { type: 'localFile', file: join(folder, 'rows.csv') },
        outputSettings: { type: 'localFile', path: out() },
      },
      { guard, configuration: configurationWith(predictions.url) },
    );
    await startJob(job).result;
    expect(readFileSync(out(), 'utf8')).toContain('y_PREDICTION');
  });
});

function configurationWith(server: string): NonNullable<Parameters<typeof resolveJob>[1]>['configuration'] {
  const file = join(folder, 'sluice.yaml');
  writeFileSync(file, `deployments: { d: { server: "${server}" } }\n`);
  return loadConfiguration(file);
}

describe.each([
  { name: 'PostgreSQL', group: needs('postgres'), make: newPostgres },
  { name: 'MariaDB', group: needs('mariadb'), make: () => newMariaDb() },
])('$name', ({ group, make }) => {
  group('with a guard', () => {
    let database: TestDatabase;
    let counted: Server;
    let connections = 0;
    beforeAll(async () => {
      database = await make();
      counted = createServer((socket) => {
        connections += 1;
        socket.destroy();
      });
      await new Promise<void>((listening) => counted.listen(0, '127.0.0.1', listening));
    });
    afterAll(async () => {
      counted.close();
      await database[Symbol.asyncDispose]();
    });

    const connect = async (access: Partial<SqlAccess>): Promise<unknown> => {
      const driver = await sqlDriver({ ...database.access, guard, ...access });
      await using connection = await driver.connect(new AbortController().signal);
      return await connection.query('select 1', [], new AbortController().signal);
    };

    test('is reached by the address that the guard has looked at', async () => {
      const jdbcUrl = database.access.jdbcUrl.replace(/\/\/[^:/]+/, '//allowed.test');
      expect(Number(((await connect({ jdbcUrl })) as number[][])[0]![0])).toBe(1);
    });

    test.each(REFUSED)('gets no connection at %s', async (host) => {
      const jdbcUrl = database.access.jdbcUrl.replace(
        /\/\/[^/]+/,
        `//${host}:${(counted.address() as AddressInfo).port}`,
      );
      await expect(connect({ jdbcUrl })).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
      expect(connections).toBe(0);
    });

    test('is not reached at the second host of an address', async () => {
      const place = new URL(database.access.jdbcUrl.slice(5)).host;
      const jdbcUrl = database.access.jdbcUrl.replace(/\/\/[^/]+/, `//allowed.test:1,${place}`);
      await expect(connect({ jdbcUrl })).rejects.toMatchObject({ code: 'TARGET_REFUSED' });
    });
  });
});
