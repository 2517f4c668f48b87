import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sluice } from '../support/command-line.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-baseline-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// A pipe stands for a device, which is put at nobody's risk so: it would be replaced in the same way.
test.skipIf(process.platform === 'win32')(
  'a pipe or a device that a baseline is to go to stays what it is',
  async () => {
    writeFileSync(join(folder, 'in.csv'), 'x\n1\n2\n');
    const pipe = join(folder, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    const { code, stderr } = await sluice(['baseline', 'in.csv', '--out', 'pipe'], { cwd: folder });
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^sluice: OUTPUT_UNWRITABLE: pipe is no file/)]);
  },
);
