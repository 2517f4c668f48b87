import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sluice } from '../support/command-line.ts';
import { PredictionServer } from '../support/prediction-server.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-port-'));
  writeFileSync(join(folder, 'in.csv'), 'x\n1\n2\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('a metrics port that cannot be had ends the command before a row is scored', async () => {
  await using server = await PredictionServer.start();
  const { port } = new URL(server.url);
  for (const taken of [port, '99999', '-1']) {
    const where = ['--server', server.url, '--deployment', 'd', `--metrics-port=${taken}`];
    const { code, stderr } = await sluice(['score', 'in.csv', 'out.csv', ...where], { cwd: folder });
    expect([code, stderr], taken).toEqual([2, expect.stringMatching(/--metrics-port/)]);
    expect(stderr).not.toMatch(/^ +at /m);
  }
  expect(existsSync(join(folder, 'out.csv'))).toBe(false);
});
