import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { BridgeProcess } from '../../connectors/sql/bridge/bridge-process.ts';
import { sqlDriver } from '../../connectors/sql/sql-drivers.ts';
import { jdbcDrivers } from '../support/services/jdbc-drivers.ts';
import { needs } from '../support/services/needs.ts';
import { newH2 } from '../support/sql-databases.ts';

const { signal } = new AbortController();
const root = join(import.meta.dirname, '../..');

needs('jdbc')('the bridge to JDBC', () => {
  test('without Java the job ends with the line that installs it', async () => {
    const jars = [await jdbcDrivers()];
    const access = { user: 'sa', password: '', connectMs: 1000, fetchSize: null, driverClass: null };
    const driver = await sqlDriver({ ...access, jdbcUrl: 'jdbc:h2:mem:x', jars: [...jars, '*'] });
    vi.stubEnv('JAVA_HOME', '/no/such/java');
    try {
      await expect(driver.connect(signal)).rejects.toMatchObject({
        code: 'JAVA_MISSING',
        message: expect.stringMatching(/no Java here.*apt-get install default-jdk-headless.*JAVA_HOME/s) as string,
      });
    } finally {
      vi.unstubAllEnvs();
    }
    await using connection = await driver.connect(signal);
    expect(await connection.query('SELECT 1', [], signal)).toEqual([[1]]);
  });

  test('JAR files without the driver, and a class that is not in them, say where to put it', async () => {
    const jars = [await jdbcDrivers()];
    const access = { user: 'sa', password: 'hush', connectMs: 1000, fetchSize: null };
    const noDriver = await sqlDriver({ ...access, jdbcUrl: 'jdbc:db2://host:50000/sales', jars, driverClass: null });
    await expect(noDriver.connect(signal)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/jars: no driver.*db2.*JAR file.*driverClass/s) as string,
    });
    const noClass = await sqlDriver({ ...access, jdbcUrl: 'jdbc:h2:mem:x', jars, driverClass: 'com.example.Driver' });
    await expect(noClass.connect(signal)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/jars:.*com\.example\.Driver/s) as string,
    });
  });

  test('no password stands among the arguments or in the environment of the process', async () => {
    const jars = await jdbcDrivers();
    await using bridge = await BridgeProcess.start([join(jars, '*')], signal);
    const session = bridge.session();
    const open = {
      url: 'jdbc:h2:mem:y',
      user: 'sa',
      password: 'not-this-word',
      driverClass: null,
      properties: {},
      loginSeconds: 5,
    };
    await session.ask('open', open, signal);
    for (const file of ['cmdline', 'environ'])
      expect(readFileSync(`/proc/${bridge.pid}/${file}`, 'latin1')).not.toContain('not-this-word');
    await session.close();
  });

  test('it ends with a process that is killed, and what that had not committed is rolled back', async () => {
    await using database = await newH2();
    const { connection, access } = database;
    await connection.execute('CREATE TABLE kept (id int)', [], signal);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-bridge-'));
    const program = join(folder, 'killed.ts');
    writeFileSync(
      program,
      `import { readFileSync } from 'node:fs';
       import { sqlDriver } from '${root}/connectors/sql/sql-drivers.ts';
       const { signal } = new AbortController();
       const connection = await (await sqlDriver(${JSON.stringify(access)})).connect(signal);
       await connection.begin(signal);
       await connection.execute('INSERT INTO kept VALUES (1)', [], signal);
       console.log(readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'));
       process.kill(process.pid, 'SIGKILL');`,
    );
    const { stdout } = await promisify(execFile)(process.execPath, [program]).catch(
      (error: { readonly stdout: string }) => error,
    );
    const java = Number(stdout.trim());
    expect(java).toBeGreaterThan(1);
    await expect.poll(() => readdirSync('/proc').includes(String(java)), { timeout: 10_000, interval: 20 }).toBe(false);
    // A lock of it would keep us waiting here.
    await connection.execute('DELETE FROM kept', [], signal);
    expect(await connection.query('SELECT COUNT(*) FROM kept', [], signal)).toEqual([[0]]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('values keep every digit and come back as they went in', async () => {
    await using database = await newH2('');
    const { connection } = database;
    await connection.execute(
      'create table kinds (id int primary key, b boolean, s bigint, d decimal(38,10), f real, g double, dd date, ts timestamp(9), ' +
        'tz timestamp(3) with time zone, tm time(3), bl blob, vb varbinary(9), cl clob, uu uuid)',
      [],
      signal,
    );
    const rows = [
      '1,true,-9223372036854775808,1234567890123456789012345678.0123456789,0.1,0.1,2026-02-28,2026-01-02T03:04:05.000000001,2026-01-02T03:04:05.5Z,12:00:00.001,\\x00ff,\\x0a,"a,b",123e4567-e89b-12d3-a456-426655440000',
      '2,false,9223372036854775807,-0.0000000001,16777216,1.0E300,0001-01-01,1582-10-10T00:00:00,1970-01-01T00:00:01Z,00:00:00,\\x,\\x2c,"",',
      '3,,,,,,,,,,,,,',
    ];
    const bytes = Buffer.from(`${rows.join('\n')}\n`);
    const ends = Uint32Array.from(rows.map((_, i) => rows.slice(0, i + 1).join('\n').length + 1));
    const found = (await connection.describeTable({ catalog: null, schema: null, name: 'kinds' }, signal))!;
    await connection.load({ table: found.table, columns: found.columns }, { bytes, ends }, signal);
    const chunks: Buffer[] = [];
    const read = { from: { table: found.table }, columns: found.columns, where: null, orderBy: ['ID'] };
    for await (const chunk of connection.read(read, signal)) chunks.push(Buffer.from(chunk));
    expect(Buffer.concat(chunks).toString().trimEnd().split('\n')).toEqual(rows);
  });
});
