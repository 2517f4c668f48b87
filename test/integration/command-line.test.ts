import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ModelServer, startModelServer } from '../../src/model-server/index.ts';
import { type Ended, sluice, startSluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { needs } from '../support/services/needs.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
let models: ModelServer;
let server: PredictionServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
  cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
  mkdirSync(join(folder, 'work'));
  models = await startModelServer({ models: join(root, 'models'), port: 0 });
  server = await PredictionServer.start();
});
afterAll(async () => {
  await models.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const ROWS = 300;
const TEXT = `id,x\n${Array.from({ length: ROWS }, (_, i) => `${i},${i}\n`).join('')}`;
const SCORED = `y_PREDICTION,id\n${Array.from({ length: ROWS }, (_, i) => `${2 * i},${i}\n`).join('')}`;

function file(name: string, content: string | Buffer): string {
  writeFileSync(join(folder, name), content);
  return name;
}

function read(name: string): Buffer {
  return readFileSync(join(folder, name));
}

function score(input: string, output: string, ...more: readonly string[]): Promise<Ended> {
  return sluice(['score', input, output, '--server', server.url, '--deployment', 'd', '--passthrough', 'id', ...more], {
    cwd: folder,
  });
}

describe('the examples', () => {
  const text = (name: string): string => readFileSync(join(root, 'config/examples', name), 'utf8');
  const says = (name: string, part: string): boolean => text(name).includes(part);
  // Those whose ends are topics, tables, in S3, at addresses or in the catalog want them made first: tests of their own run them.
  const jobs = readdirSync(join(root, 'config/examples')).filter(
    (name) =>
      name.endsWith('.yaml') &&
      !/^(deployments|server|server-kafka)\./.test(name) &&
      !/type: (kafka|s3|jdbc|http|dataset)/.test(text(name)),
  );
  const over = (name: string): boolean => says(name, 'kafka:');

  needs('kafka')('over Kafka', () => {
    test.each(jobs.filter(over))('%s runs as it stands', async (name) => {
      const { brokers } = await kafkaService();
      const ended = await sluice(['run', `config/examples/${name}`], {
        cwd: folder,
        env: { PREDICTION_SERVER: models.url, PREDICTION_TOKEN: '', KAFKA_BROKERS: brokers.join(',') },
      });
      expect(ended.stderr).toMatch(/rows scored/);
      expect(ended.code).toBe(0);
    });
  });

  test.each(jobs.filter((name) => !over(name)))('%s runs as it stands', async (name) => {
    const ended = await sluice(
      [
        'run',
        `config/examples/${name}`,
        ...(says(name, 'deploymentId:') ? ['--config', 'config/examples/deployments.yaml'] : []),
      ],
      {
        cwd: folder,
        env: { PREDICTION_SERVER: models.url, PREDICTION_TOKEN: '' },
        stdin: readFileSync(join(root, 'config/examples/flights.csv')),
      },
    );
    expect(ended.stderr).toMatch(/rows scored/);
    expect(ended.code).toBe(0);
  });
});

describe('sluice score', () => {
  test('scores a file, says how much, and verify finds it whole', async () => {
    file('rows.csv', TEXT);
    const ended = await score('rows.csv', 'scored.csv');
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    expect(ended.stderr).toMatch(/scored\.csv: 300 rows scored, 300 rows in/);
    expect(read('scored.csv').toString()).toBe(SCORED);
    expect(await sluice(['verify', 'scored.csv'], { cwd: folder })).toMatchObject({
      code: 0,
      stdout: 'scored.csv: whole. 300 rows scored, 0 failed, 0 skipped\n',
    });
  });

  test('verify fails with code 3 when a byte was changed, and names what differs', async () => {
    await score('rows.csv', 'spoiled.csv');
    file('spoiled.csv', SCORED.replace('200,100', '201,100'));
    const ended = await sluice(['verify', 'spoiled.csv'], { cwd: folder });
    expect(ended.code).toBe(3);
    expect(ended.stderr).toMatch(/VERIFY_FAILED: .*SHA-256/);
  });

  test('reads standard input, writes standard output, and nothing else goes there', async () => {
    const ended = await sluice(
      ['score', '-', '-', '--server', server.url, '--deployment', 'd', '--passthrough', 'id'],
      { cwd: folder, stdin: TEXT },
    );
    expect(ended.stdout).toBe(SCORED);
    expect(ended.code).toBe(0);
  });

  test('reads and writes gzip and zstd by their names', async () => {
    file('rows.csv.gz', gzipSync(TEXT));
    file('rows.csv.zst', zstdCompressSync(TEXT));
    expect((await score('rows.csv.gz', 'scored.csv.zst')).code).toBe(0);
    expect((await score('rows.csv.zst', 'scored.csv.gz')).code).toBe(0);
    expect(zstdDecompressSync(read('scored.csv.zst')).toString()).toBe(SCORED);
    expect(gunzipSync(read('scored.csv.gz')).toString()).toBe(SCORED);
  });

  test('reads a folder and a glob in the order of their names, and refuses files of another header', async () => {
    mkdirSync(join(folder, 'parts'));
    file('parts/b.csv', 'id,x\n2,2\n');
    file('parts/a.csv', 'id,x\n1,1\n');
    file('parts/.hidden.csv', 'nothing');
    expect((await score('parts', 'folder.csv')).code).toBe(0);
    expect((await score('parts/*.csv', 'glob.csv')).code).toBe(0);
    expect(read('folder.csv').toString()).toBe('y_PREDICTION,id\n2,1\n4,2\n');
    expect(read('glob.csv').toString()).toBe('y_PREDICTION,id\n2,1\n4,2\n');
    file('parts/c.csv', 'id,z\n3,3\n');
    const sent = server.requests.length;
    const ended = await score('parts', 'mixed.csv');
    expect(ended.stderr).toMatch(/CSV_HEADER: .*c\.csv/);
    expect(ended.code).toBe(1);
    expect(server.requests.length).toBe(sent);
  });

  test('puts bad rows beside the output with line, cause and bytes; the sum is the rows read', async () => {
    const picky = await PredictionServer.start({
      reject: (fields) => (Number(fields[0]) % 100 === 7 ? 'sevens are bad' : null),
    });
    file('ragged.csv', TEXT.replace('50,50\n', '50,50,50\n'));
    const ended = await sluice(
      [
        'score',
        'ragged.csv',
        'picky.csv',
        '--server',
        picky.url,
        '--deployment',
        'd',
        '--ragged-rows',
        'skip',
        '--passthrough',
        'id',
        '--status',
      ],
      { cwd: folder },
    );
    await picky.close();
    expect(ended.code).toBe(0);
    const letters = read('picky.csv.dead.jsonl')
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(letters.map(({ kind, line, bytes }) => ({ kind, line, bytes }))).toEqual([
      { kind: 'failed', line: 9, bytes: '7,7' },
      { kind: 'skipped', line: 52, bytes: '50,50,50' },
      { kind: 'failed', line: 109, bytes: '107,107' },
      { kind: 'failed', line: 209, bytes: '207,207' },
    ]);
    expect(letters[0]).toMatchObject({ reason: expect.stringContaining('sevens are bad') as string });
    const { tally } = JSON.parse(read('picky.csv.manifest.json').toString()) as { tally: object };
    expect(tally).toEqual({ read: 300, scored: 296, failed: 3, skipped: 1 });
    expect(read('picky.csv').toString().trim().split('\n').length).toBe(300);
  });

  test('ends with code 4 when too many rows are bad, and keeps the reasons', async () => {
    const picky = await PredictionServer.start({ reject: (fields) => (Number(fields[0]) % 2 === 1 ? 'odd' : null) });
    const ended = await sluice(
      ['score', 'rows.csv', 'odd.csv', '--server', picky.url, '--deployment', 'd', '--passthrough', 'id'],
      { cwd: folder },
    );
    expect(ended.code).toBe(4);
    expect(ended.stderr).toMatch(/TOO_MANY_FAILURES: 150 of 300 rows are bad.*odd/);
    const again = await sluice(
      [
        'score',
        'rows.csv',
        'odd.csv',
        '--server',
        picky.url,
        '--deployment',
        'd',
        '--passthrough',
        'id',
        '--no-abort-on-error',
      ],
      { cwd: folder },
    );
    await picky.close();
    expect(again.code).toBe(0);
    expect(read('odd.csv.dead.jsonl').toString().trim().split('\n').length).toBe(150);
  });

  test('--quiet says nothing, --progress json says a line of JSON a second and a last one', async () => {
    expect(await score('rows.csv', 'quiet.csv', '--quiet')).toEqual({ code: 0, stdout: '', stderr: '' });
    const { stderr } = await score('rows.csv', 'json.csv', '--progress', 'json');
    const lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({
      state: 'done',
      rows: 300,
      scored: 300,
      failed: 0,
      bytesTotal: TEXT.length,
      bytesRead: TEXT.length,
    });
  });

  test('Ctrl-C drains, ends with 130, and the same command goes on where it stopped', async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const slow = await PredictionServer.start({
      respond: ({ number }) => (number === 5 ? { after: gate } : undefined),
    });
    const args = [
      'score',
      'rows.csv',
      'stopped.csv',
      '--server',
      slow.url,
      '--deployment',
      'd',
      '--passthrough',
      'id',
      '--chunk-size',
      '100',
      '--concurrency',
      '1',
    ];
    const first = startSluice(args, { cwd: folder });
    while (slow.requests.length < 6 && first.process.exitCode === null) await new Promise(setImmediate);
    const said = new Promise<void>((resolve) =>
      first.process.stderr!.on('data', (chunk: Buffer) => chunk.includes('stopping') && resolve()),
    );
    first.process.kill('SIGINT');
    await said;
    open();
    const ended = await first.ended;
    expect(ended.code).toBe(130);
    expect(ended.stderr).toMatch(/run the same/i);
    const sentBefore = slow.requests.length;
    const second = await sluice(args, { cwd: folder });
    expect(second.code).toBe(0);
    expect(second.stderr).toMatch(/continued after \d+/);
    expect(read('stopped.csv').toString()).toBe(SCORED);
    const rowsSent = slow.requests.slice(0).reduce((sum, { rows }) => sum + rows.length, 0);
    expect(rowsSent).toBe(ROWS);
    expect(slow.requests.length).toBeGreaterThan(sentBefore);
    await slow.close();
  });
});

describe('the other commands', () => {
  test('model-server says where it is, answers, and ends on SIGTERM', async () => {
    const command = startSluice(['model-server', '--port', '0'], { cwd: folder });
    const line = await new Promise<string>((resolve) =>
      command.process.stdout!.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    const url = /http:\/\/[\d.:]+/.exec(line)![0];
    expect(await (await fetch(`${url}/predApi/v1.0/ping`)).json()).toMatchObject({ response: 'pong' });
    command.process.kill('SIGTERM');
    expect((await command.ended).code).toBe(0);
  });

  test('schema prints the schema that the repository holds', async () => {
    const { stdout } = await sluice(['schema']);
    expect(JSON.parse(stdout)).toEqual(JSON.parse(readFileSync(join(root, 'config/job.schema.json'), 'utf8')));
  });

  test('--help of every command has an example, and a wrong option ends with 2', async () => {
    for (const command of [[], ['run'], ['score'], ['verify'], ['model-server'], ['schema']]) {
      const ended = await sluice([...command, '--help']);
      expect(ended.code).toBe(0);
      expect(ended.stdout).toMatch(/Examples?:\n +\S*sluice/);
    }
    expect((await sluice(['score', '--nonsense'])).code).toBe(2);
    expect((await sluice(['nonsense'])).code).toBe(2);
  });
});
