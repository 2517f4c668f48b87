import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import type { StagedOutput } from '../../src/sdk.ts';
import { type SmallDisk, smallDisk } from '../support/small-disk.ts';

const { signal } = new AbortController();
const BLOCK = Buffer.alloc(64 * 1024, 'a row of the output\n');
let disk: SmallDisk;
let out = '';

beforeEach(async () => {
  disk = await smallDisk(1024 * 1024);
  out = join(disk.path, 'out.csv');
});
afterEach(() => disk[Symbol.asyncDispose]());

const stage = (): Promise<StagedOutput> => createFileStore().stage(out, { overwrite: false }, signal);

/** Takes the room that is left, but for so many bytes. */
function fill(leave: number): void {
  const { bavail, bsize } = statfsSync(disk.path);
  writeFileSync(join(disk.path, 'filling'), Buffer.alloc(bavail * bsize - leave));
}

/** Writes and commits blocks until the disk refuses one. Returns how many were committed. */
async function writeUntilFull(output: StagedOutput): Promise<number> {
  let committed = 0;
  const writing = (async () => {
    for (;;) {
      await output.append('rows', BLOCK, signal);
      await output.commit({ blocks: committed + 1 }, signal);
      committed += 1;
    }
  })();
  await expect(writing).rejects.toMatchObject({
    code: 'OUTPUT_FULL',
    message: expect.stringMatching(/no space left.*run the same job again/),
  });
  return committed;
}

describe('a full disk', () => {
  test('ends the run with OUTPUT_FULL, and once there is room it continues behind the last commit', async () => {
    fill(400 * 1024);
    let committed: number;
    {
      await using output = await stage();
      committed = await writeUntilFull(output);
      // Nobody knows what stands behind the last commit: nothing more is taken.
      await expect(output.commit({ blocks: -1 }, signal)).rejects.toMatchObject({ code: 'OUTPUT_FULL' });
    }
    expect(committed).toBeGreaterThan(2);
    expect(readdirSync(disk.path)).not.toContain('out.csv');
    rmSync(join(disk.path, 'filling'));
    await using output = await stage();
    expect(output.found).toEqual({
      note: { blocks: committed },
      bytes: { rows: committed * BLOCK.length, deadLetters: 0 },
    });
    await output.append('rows', BLOCK, signal);
    await output.publish({}, signal);
    expect(readFileSync(out).equals(Buffer.concat(Array.from({ length: committed + 1 }, () => BLOCK)))).toBe(true);
  });

  test('that has no room for a ledger keeps the ledger before it', async () => {
    {
      await using output = await stage();
      await output.append('rows', BLOCK, signal);
      await output.commit({ blocks: 1 }, signal);
      fill(0);
      await expect(output.commit({ blocks: 2 }, signal)).rejects.toMatchObject({ code: 'OUTPUT_FULL' });
    }
    expect(readdirSync(disk.path).toSorted()).toEqual([
      'filling',
      'out.csv.dead.jsonl.partial',
      'out.csv.ledger.json',
      'out.csv.partial',
    ]);
    await using output = await stage();
    expect(output.found?.note).toEqual({ blocks: 1 });
  });

  test('in the middle of publishing loses nothing: the next run completes it', async () => {
    const manifest = { text: 'x'.repeat(40_000) };
    {
      await using output = await stage();
      await output.append('rows', BLOCK, signal);
      await output.commit({}, signal);
      // Room for the ledger that publishes, which holds the manifest, and not for the manifest itself.
      fill(48 * 1024);
      await expect(output.publish(manifest, signal)).rejects.toMatchObject({ code: 'OUTPUT_FULL' });
    }
    expect(readdirSync(disk.path)).not.toContain('out.csv');
    rmSync(join(disk.path, 'filling'));
    await expect(stage()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(readdirSync(disk.path).toSorted()).toEqual(['out.csv', 'out.csv.manifest.json']);
    expect(JSON.parse(readFileSync(`${out}.manifest.json`, 'utf8'))).toEqual(manifest);
  });
});
