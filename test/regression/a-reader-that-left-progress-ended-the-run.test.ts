import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PredictionServer } from '../support/prediction-server.ts';

const BIN = join(import.meta.dirname, '../../bin/sluice.js');

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-left-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a run whose progress nobody reads any more goes on to its end', async () => {
  await using server = await PredictionServer.start();
  const rows = Array.from({ length: 20_000 }, (_, i) => `${i},r${i}\n`);
  writeFileSync(join(folder, 'in.csv'), `x,id\n${rows.join('')}`);
  const where = ['--server', server.url, '--deployment', 'd', '--progress', 'json'];
  const child = spawn(process.execPath, [BIN, 'score', 'in.csv', 'out.csv', ...where], { cwd: folder });
  child.stderr.once('data', () => child.stderr.destroy());
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
  expect(readFileSync(join(folder, 'out.csv'), 'utf8').split('\n')).toHaveLength(rows.length + 2);
});

test('a command whose output nobody reads ends without a word', async () => {
  const child = spawn(process.execPath, [BIN, 'schema']);
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdout.destroy();
  const [code] = await once(child, 'close');
  expect([code, said]).toEqual([0, '']);
});

test.runIf(process.platform === 'linux')('a command whose output is lost says so, and fails', async () => {
  const child = spawn(process.execPath, [BIN, 'schema'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'] });
  let said = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(1);
  expect(said).toMatch(/^sluice: OUTPUT_FULL: standard output leads to a disk that is full\. .*\n$/);
});
