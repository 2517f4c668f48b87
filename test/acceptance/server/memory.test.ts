import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeConfiguration } from '../../support/api-server.ts';
import { startServe } from '../../support/serve-process.ts';
import { soakDataset, soakJob } from '../../support/upload-soak.ts';

const MB = 1_000_000;

test('60 MB are uploaded, scored and downloaded at the same time in bounded memory', async () => {
  const { uploaded, wrong, idleRss, peakRss } = await soakJob(60 * MB);
  expect(uploaded).toBeGreaterThanOrEqual(60 * MB);
  expect(wrong).toBe(0);
  expect(peakRss - idleRss).toBeLessThan(120 * MB);
});

test('a dataset is made of 60 MB, and read back, in bounded memory', async () => {
  const { uploaded, isWhole, idleRss, peakRss } = await soakDataset(60 * MB);
  expect(uploaded).toBeGreaterThanOrEqual(60 * MB);
  expect(isWhole).toBe(true);
  expect(peakRss - idleRss).toBeLessThan(120 * MB);
});

/** With what the process that was started runs, once it serves. */
async function startedWith(environment: Readonly<Record<string, string>>): Promise<{ command: string; env: string }> {
  const state = mkdtempSync(join(tmpdir(), 'sluice-started-'));
  try {
    const file = writeConfiguration(state, { deployments: { d: 'http://127.0.0.1:9' } });
    await using api = await startServe(file, state, [], environment);
    const look = (name: string): string => readFileSync(`/proc/${api.process.pid!}/${name}`, 'utf8');
    return { command: look('cmdline'), env: look('environ') };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

test('a server sets by itself what keeps it small, in the process that was started, and nothing that was set for it', async () => {
  const plain = await startedWith({});
  expect(plain.command).toContain('--max-semi-space-size=2');
  expect(plain.env).toMatch(/MALLOC_MMAP_THRESHOLD_=32768/);
  expect((await startedWith({ MALLOC_ARENA_MAX: '7' })).env).toMatch(/MALLOC_ARENA_MAX=7/);
  const own = await startedWith({ NODE_OPTIONS: '--max-semi-space-size=16' });
  expect(own.command).not.toContain('semi-space');
});
