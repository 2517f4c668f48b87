import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Command, sluice, startSluice } from '../support/command-line.ts';
import { isWhole } from '../support/effort.ts';
import { kafkaService } from '../support/services/kafka.ts';
import { leftOut } from '../support/services/left-out.ts';

const root = join(import.meta.dirname, '../..');
let folder = '';
const servers: Command[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
  cpSync(join(root, 'config'), join(folder, 'config'), { recursive: true });
  mkdirSync(join(folder, 'work'));
});
afterAll(async () => {
  for (const { process, ended } of servers) {
    process.kill('SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(
  (match) => match[1]!,
);
const commands = blocks
  .flatMap((block) => block.replaceAll('\\\n', ' ').split('\n'))
  .map((line) => line.trim())
  .filter((line) => line !== '');
const prefix = 'npm run --silent sluice -- ';

describe('the commands of the README', () => {
  test('are npm start, npm test and calls of sluice', () => {
    expect(commands.filter((line) => !line.startsWith(prefix))).toEqual(['npm start', 'npm test']);
  });

  test('work in their order, in a folder with the examples', async () => {
    const isKafkaLeftOut = leftOut().includes('kafka');
    const brokers = isKafkaLeftOut ? '' : (await kafkaService()).brokers.join(',');
    for (const line of commands.filter((command) => command.startsWith(prefix))) {
      if (isKafkaLeftOut && /--brokers|kafka/.test(line)) continue;
      const args = line.slice(prefix.length).replace('127.0.0.1:9092', brokers).split(/\s+/);
      if (['model-server', 'worker', 'serve'].includes(args[0]!)) {
        const server = startSluice(args, { cwd: folder });
        servers.push(server);
        const { stdout, stderr } = server.process;
        await new Promise((resolve) => [stdout, stderr].forEach((stream) => stream!.once('data', resolve)));
        continue;
      }
      const ended = await sluice(args, { cwd: folder });
      expect({ line, code: ended.code, stderr: ended.code === 0 ? '' : ended.stderr }).toEqual({
        line,
        code: 0,
        stderr: '',
      });
    }
  }, 180_000);

  // Three million take both cores for most of a minute.
  const [flights, more] = isWhole ? ['3,000,000', []] : ['200,000', ['--', '--rows', '200000']];

  test(`npm start scores ${flights} flights, shows what it did, and leaves an output that verifies`, async () => {
    const { stdout } = await promisify(execFile)('npm', ['start', ...more], { cwd: root, timeout: 240_000 });
    expect(stdout).toContain(`${flights} flights scored`);
    expect(stdout).toMatch(/p50 \d+ ms, p99 \d+ ms/);
    expect(stdout.match(/ min {3}\w+ to \w+/g)?.length).toBe(5);
    expect((await sluice(['verify', 'work/flights/scored.csv'], { cwd: root })).code).toBe(0);
  }, 300_000);
});
