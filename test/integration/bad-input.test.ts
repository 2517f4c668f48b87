import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ended, sluice, startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { smallDisk } from '../support/small-disk.ts';

let folder = '';
let server: PredictionServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-bad-'));
  server = await PredictionServer.start();
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const GOOD = `id,x\n${Array.from({ length: 50 }, (_, i) => `${i},${i / 2}\n`).join('')}`;

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return name;
}

function score(input: string, output: string, ...more: readonly string[]): Promise<Ended> {
  return sluice(['score', input, output, '--server', server.url, '--deployment', 'd', '--progress', 'none', ...more], {
    cwd: folder,
  });
}

/** It failed with this code and error, in at most a screen, said each of `words`, and left no output. */
function expectRefusal(ended: Ended, exit: number, code: string, ...words: readonly (string | RegExp)[]): void {
  expect(ended.stderr).toContain(`sluice: ${code}: `);
  for (const word of words) expect(ended.stderr).toMatch(word);
  expect(ended.code).toBe(exit);
  expect(ended.stderr.split('\n').length).toBeLessThan(24);
  expect(ended.stderr).not.toMatch(/\n\s+at /);
}

describe('a bad intake is refused with what to do', () => {
  test('no such file', async () => {
    expectRefusal(await score('nowhere.csv', 'o1.csv'), 1, 'INTAKE_NOT_FOUND', 'nowhere.csv');
  });

  test('an empty folder, and a pattern that matches nothing', async () => {
    mkdirSync(join(folder, 'empty'));
    expectRefusal(await score('empty', 'o2.csv'), 1, 'INTAKE_NOT_FOUND', 'empty');
    expectRefusal(await score('empty/*.csv', 'o2.csv'), 1, 'INTAKE_NOT_FOUND', 'empty');
  });

  test('an output that is a folder', async () => {
    mkdirSync(join(folder, 'a-folder'));
    expectRefusal(await score(file('good.csv', GOOD), 'a-folder'), 1, 'OUTPUT_UNWRITABLE', 'a-folder');
  });

  test('an empty file', async () => {
    expectRefusal(await score(file('empty.csv', ''), 'o3.csv'), 1, 'INTAKE_EMPTY', 'empty.csv');
  });

  test('a header and nothing else', async () => {
    expectRefusal(await score(file('header.csv', 'id,x\n'), 'o4.csv'), 1, 'INTAKE_EMPTY', 'header.csv', /no rows/);
  });

  test('a binary file', async () => {
    expectRefusal(
      await score(file('image.csv', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 13, 10, 26])), 'o5.csv'),
      1,
      'CSV_BINARY',
      'image.csv',
    );
  });

  test('a compressed file under a plain name says which setting unpacks it', async () => {
    expectRefusal(await score(file('packed.csv', gzipSync(GOOD)), 'o6.csv'), 1, 'CSV_BINARY', /gzip/, /compression/);
  });

  test('a compressed file that was cut off', async () => {
    expectRefusal(
      await score(file('cut.csv.gz', gzipSync(GOOD).subarray(0, 60)), 'o7.csv'),
      1,
      'INTAKE_COMPRESSION',
      'cut.csv.gz',
    );
  });

  test('the wrong delimiter', async () => {
    const semicolons = file('semicolons.csv', GOOD.replaceAll(',', ';'));
    expectRefusal(await score(semicolons, 'o8.csv', '--passthrough', 'id'), 1, 'COLUMN_UNKNOWN', /id/, /delimiter/);
  });

  test('the wrong encoding', async () => {
    const latin = file('latin.csv', Buffer.from('id,name\n1,abc\n2,caf\u00e9\n', 'latin1'));
    expectRefusal(await score(latin, 'o9.csv'), 1, 'INTAKE_ENCODING', /latin\.csv/, /line 3/, /csvSettings\.encoding/);
  });

  test('a ragged row', async () => {
    expectRefusal(
      await score(file('ragged.csv', 'id,x\n1,2\n3,4,5\n6,7\n'), 'o10.csv'),
      1,
      'CSV_RAGGED',
      /line 3/,
      /3 fields/,
      /header has 2/,
    );
  });

  test('a quote that is never closed names the line that opened it', async () => {
    expectRefusal(await score(file('quote.csv', 'id,x\n1,"open\n2,3\n4,5\n'), 'o11.csv'), 1, 'CSV_QUOTE', /line 2/);
  });
});

describe('bad settings are refused with what to do', () => {
  test('a passthrough column named twice, and one that is not there', async () => {
    file('good.csv', GOOD);
    expectRefusal(await score('good.csv', 'o12.csv', '--passthrough', 'id,id'), 2, 'CONFIG_INVALID', /id/);
    expectRefusal(await score('good.csv', 'o12.csv', '--passthrough', 'idd'), 1, 'COLUMN_UNKNOWN', /idd/, /id/);
  });

  test('a column renamed to a name that is taken', async () => {
    expectRefusal(
      await score('good.csv', 'o13.csv', '--passthrough', 'id,x', '--rename', 'x=id'),
      1,
      'COLUMN_CONFLICT',
      /id/,
    );
  });

  test('an unknown field in the job file, by line, column and nearest name', async () => {
    const job = `deployment: { id: d, server: '${server.url}' }\nintakeSettings: { file: good.csv }\noutputSettings: { path: o14.csv }\npassthruColumns: [id]\n`;
    const ended = await sluice(['run', file('job.yaml', job)], { cwd: folder });
    expectRefusal(ended, 2, 'CONFIG_INVALID', 'job.yaml:4:1', 'passthruColumns', 'passthroughColumns');
  });

  test('YAML that cannot be read, by line and column', async () => {
    const ended = await sluice(['run', file('broken.yaml', 'deployment: [1\noutput: x')], { cwd: folder });
    expectRefusal(ended, 2, 'CONFIG_UNREADABLE', 'broken.yaml:2');
  });

  test('a deploymentId that the configuration does not have', async () => {
    file('sluice.yaml', `deployments:\n  flights: { server: '${server.url}' }\n`);
    const job = file(
      'named.yaml',
      'deploymentId: flihgts\nintakeSettings: { file: good.csv }\noutputSettings: { path: o15.csv }\n',
    );
    const ended = await sluice(['run', job, '--config', 'sluice.yaml'], { cwd: folder });
    expectRefusal(ended, 2, 'DEPLOYMENT_UNKNOWN', 'flihgts', 'flights');
  });

  test('an output that exists, unless it is to be overwritten', async () => {
    file('there.csv', 'mine');
    expectRefusal(await score('good.csv', 'there.csv'), 1, 'OUTPUT_EXISTS', 'there.csv', /--overwrite/);
    expect(readFileSync(join(folder, 'there.csv'), 'utf8')).toBe('mine');
    expect((await score('good.csv', 'there.csv', '--overwrite')).code).toBe(0);
    expect(readFileSync(join(folder, 'there.csv'), 'utf8')).toContain('y_PREDICTION');
  });

  test('an output that is also read', async () => {
    expectRefusal(await score('good.csv', './good.csv', '--overwrite'), 2, 'CONFIG_INVALID', 'good.csv');
    expect(readFileSync(join(folder, 'good.csv'), 'utf8')).toBe(GOOD);
  });

  test('an interrupted run of another job is not continued, and the difference is named', async () => {
    const server = await PredictionServer.start();
    server.options = { respond: ({ number }) => (number > 0 ? { status: 401, body: '{"message":"no"}' } : undefined) };
    const first = startSluice(
      [
        'score',
        'good.csv',
        'o16.csv',
        '--server',
        server.url,
        '--deployment',
        'd',
        '--chunk-size',
        '40',
        '--concurrency',
        '1',
        '--passthrough',
        'id',
        '--progress',
        'json',
      ],
      { cwd: folder },
    );
    // It pauses at the second request; Ctrl-C ends the pause and keeps what is done.
    await new Promise<void>((resolve) => {
      first.process.stderr!.on('data', (chunk: Buffer) => chunk.includes('"paused"') && resolve());
    });
    first.process.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    server.options = {};
    const other = (column: string): Promise<Ended> =>
      sluice(
        [
          'score',
          'good.csv',
          'o16.csv',
          '--server',
          server.url,
          '--deployment',
          'd',
          '--passthrough',
          column,
          '--quiet',
        ],
        { cwd: folder },
      );
    expectRefusal(await other('x'), 1, 'LEDGER_OTHER_JOB', 'passthroughColumns', /--overwrite/);
    expect((await other('id')).code).toBe(0);
    expect(readFileSync(join(folder, 'o16.csv'), 'utf8').trim().split('\n').length).toBe(51);
    await server.close();
  });
});

describe('a prediction server that refuses or is gone', () => {
  test('an unknown deployment and a wrong token fail at once and show no token', async () => {
    server.options = { respond: () => ({ status: 404, body: '{"message":"no such deployment"}' }), info: null };
    expectRefusal(await score('good.csv', 'o20.csv'), 1, 'SERVER_ACCESS', /deployment/);
    server.options = { respond: () => ({ status: 401, body: '{"message":"bad token"}' }), info: null };
    const ended = await score('good.csv', 'o20.csv', '--token', 'sesame-1234');
    expectRefusal(ended, 1, 'SERVER_ACCESS', /token/);
    expect(`${ended.stdout}${ended.stderr}`).not.toContain('sesame-1234');
    expect(readdirSync(folder).filter((name) => name.startsWith('o20.csv'))).toEqual([]);
    server.options = {};
  });

  test('a server that is down from the start is named, within its budget', async () => {
    const job =
      "deployment: { id: d, server: 'http://127.0.0.1:9' }\nintakeSettings: { file: good.csv }\noutputSettings: { path: o21.csv }\nretry: { connectSeconds: 0.5 }\n";
    const ended = await sluice(['run', file('down.yaml', job), '--quiet'], { cwd: folder });
    expectRefusal(ended, 1, 'RETRY_BUDGET_SPENT', '127.0.0.1:9');
  });

  test('a server that dies in the middle and comes back costs no row', async () => {
    const mortal = await PredictionServer.start();
    const { port } = mortal;
    let revived: Promise<PredictionServer> | undefined;
    mortal.options = {
      respond: ({ number }) => {
        if (number !== 3) return undefined;
        revived = mortal.close().then(() => PredictionServer.start({}, port));
        return { drop: 'before' };
      },
    };
    const ended = await sluice(
      [
        'score',
        'good.csv',
        'o22.csv',
        '--server',
        mortal.url,
        '--deployment',
        'd',
        '--chunk-size',
        '40',
        '--passthrough',
        'id',
        '--quiet',
      ],
      { cwd: folder },
    );
    await (await revived)?.close();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const rows = readFileSync(join(folder, 'o22.csv'), 'utf8').trim().split('\n').slice(1);
    expect(rows.map((row) => Number(row.split(',')[1]))).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

describe('an output that cannot be written', () => {
  test('a folder that is not there', async () => {
    expectRefusal(await score('good.csv', 'no/such/folder/out.csv'), 1, 'OUTPUT_UNWRITABLE', 'no/such/folder');
  });

  test('a folder that is read-only', async () => {
    const closed = join(folder, 'read-only');
    mkdirSync(closed);
    // Rights do not stop root; a mount does.
    const root = process.getuid?.() === 0;
    if (root) execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', closed]);
    else chmodSync(closed, 0o555);
    try {
      expectRefusal(await score('good.csv', 'read-only/out.csv'), 1, 'OUTPUT_UNWRITABLE', 'read-only');
    } finally {
      if (root) execFileSync('umount', [closed]);
    }
  });

  test('a full disk ends the run, and the same command continues it when there is room', async () => {
    const rows = 20_000;
    file(
      'many.csv',
      `id,x\n${Array.from({ length: rows }, (_, i) => `${i},some text to fill the disk with ${i}\n`).join('')}`,
    );
    await using disk = await smallDisk(4_000_000);
    const output = join(disk.path, 'out.csv');
    writeFileSync(join(disk.path, 'somebody-elses'), Buffer.alloc(3_600_000));
    const many = ['--passthrough', 'all', '--chunk-size', '4000'];
    expectRefusal(await score('many.csv', output, ...many), 1, 'OUTPUT_FULL', /space/);
    expect(existsSync(output)).toBe(false);
    rmSync(join(disk.path, 'somebody-elses'));
    expect((await score('many.csv', output, ...many)).code).toBe(0);
    const lines = readFileSync(output, 'utf8').trim().split('\n').slice(1);
    expect(lines.map((line) => Number(line.split(',')[1]))).toEqual(Array.from({ length: rows }, (_, i) => i));
  });

  test('two runs into the same output: the second is refused while the first goes on', async () => {
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = await PredictionServer.start();
    const asked = new Promise<void>((resolve) => {
      slow.options = {
        respond: () => {
          resolve();
          return { after: gate };
        },
      };
    });
    const args = ['score', 'good.csv', 'o30.csv', '--server', slow.url, '--deployment', 'd', '--quiet'];
    const first = startSluice(args, { cwd: folder });
    await asked;
    expectRefusal(await sluice(args, { cwd: folder }), 1, 'OUTPUT_LOCKED', 'o30.csv', String(first.process.pid));
    release();
    expect((await first.ended).code).toBe(0);
    await slow.close();
  });
});
