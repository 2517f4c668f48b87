import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';

const store = createFileStore();
const { signal } = new AbortController();
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), `content of ${name}`);
  }
}

async function names(pattern: string): Promise<readonly string[]> {
  const found = await store.list(join(folder, pattern), signal);
  return found.map(({ key }) => key.slice(folder.length + 1));
}

async function refusal(pattern: string): Promise<{ readonly code: string; readonly message: string }> {
  return store.list(pattern, signal).then(
    () => Promise.reject(new Error(`${pattern} was not refused`)),
    (error: unknown) => error as { code: string; message: string },
  );
}

/** Without the rights of root, where the tests run as root. */
async function asNobody<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return work();
  process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    process.seteuid?.(0);
  }
}

describe('what a name, a folder or a pattern stands for', () => {
  test('a name stands for that file, whatever it looks like', async () => {
    write('a.csv', 'a[1].csv', '.hidden', 'old.csv.manifest.json');
    for (const name of ['a.csv', 'a[1].csv', '.hidden', 'old.csv.manifest.json'])
      expect(await names(name)).toEqual([name]);
  });

  test('a folder stands for the files in it, sorted, without hidden ones and what Sluice keeps beside an output', async () => {
    write('b.csv', 'a.csv', 'B.csv', '.hidden.csv', 'inner/c.csv');
    write('o.csv.partial', 'o.csv.ledger.json', 'o.csv.ledger.json.tmp', 'o.csv.manifest.json', 'o.csv.dead.jsonl');
    symlinkSync('{"pid":1}', join(folder, 'o.csv.lock'));
    symlinkSync('a.csv', join(folder, 'link.csv'));
    expect(await names('')).toEqual(['B.csv', 'a.csv', 'b.csv', 'link.csv']);
  });

  test('a pattern stands for the files that match, sorted, across folders', async () => {
    write('2024/b.csv', '2024/a.csv', '2025/a.csv', '2025/x.json', '2025/.h.csv', '.git/a.csv', 'folder.csv/x');
    expect(await names('**/*.csv')).toEqual(['2024/a.csv', '2024/b.csv', '2025/a.csv']);
    expect(await names('202{4,5}/a.*')).toEqual(['2024/a.csv', '2025/a.csv']);
    expect(await names('2025/.*.csv')).toEqual(['2025/.h.csv']);
  });

  test('nothing found is refused, naming what was asked for', async () => {
    mkdirSync(join(folder, 'empty'));
    write('file.csv');
    for (const [pattern, words] of [
      ['missing.csv', /There is no file/],
      ['file.csv/below.csv', /There is no file/],
      ['*.parquet', /No file matches/],
      ['empty', /holds no files/],
    ] as const) {
      const { code, message } = await refusal(join(folder, pattern));
      expect(code).toBe('INTAKE_NOT_FOUND');
      expect(message).toMatch(words);
      expect(message).toContain(pattern);
    }
  });

  test('a pipe and a device are refused: they cannot be read again', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    for (const path of [join(folder, 'pipe'), '/dev/zero'])
      expect((await refusal(path)).code).toBe('INTAKE_UNREADABLE');
  });

  test('a file without the right to read it is refused, naming it', async () => {
    write('secret.csv');
    const path = join(folder, 'secret.csv');
    chmodSync(folder, 0o755);
    chmodSync(path, 0o000);
    const reading = asNobody(async () => {
      for await (const _ of store.read(path, 0, signal));
    });
    await expect(reading).rejects.toMatchObject({ code: 'INTAKE_UNREADABLE', message: expect.stringContaining(path) });
  });

  test('a file that changes has another version, one that does not has the same', async () => {
    write('a.csv');
    const [first] = await store.list(join(folder, 'a.csv'), signal);
    const [again] = await store.list(join(folder, 'a.csv'), signal);
    expect(again).toEqual(first);
    utimesSync(join(folder, 'a.csv'), 1, 1);
    const [touched] = await store.list(join(folder, 'a.csv'), signal);
    expect(touched?.version).not.toEqual(first?.version);
  });
});

describe('reading', () => {
  test('gives exactly the bytes from any offset on, however large the file', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1_700_000 }),
        fc.double({ min: 0, max: 1.1, noNaN: true }),
        async (size, share) => {
          const content = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz0123456789-');
          writeFileSync(join(folder, 'x'), content);
          const offset = Math.floor(size * share);
          const chunks: Buffer[] = [];
          // Copied before the next is asked for: a chunk is valid until then only.
          for await (const chunk of store.read(join(folder, 'x'), offset, signal)) chunks.push(Buffer.from(chunk));
          expect(Buffer.concat(chunks).equals(content.subarray(offset))).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('a reader that stops early or is aborted leaves no file open', async () => {
    writeFileSync(join(folder, 'x'), Buffer.alloc(3_000_000));
    const path = join(folder, 'x');
    for await (const _ of store.read(path, 0, signal)) break;
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of store.read(path, 0, abort.signal)) abort.abort(new Error('enough'));
    })();
    await expect(reading).rejects.toThrow('enough');
    expect(openFiles()).not.toContain(path);
  });

  test('a file that is gone is named', async () => {
    const reading = (async () => {
      for await (const _ of store.read(join(folder, 'gone.csv'), 0, signal));
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'INTAKE_NOT_FOUND',
      message: expect.stringContaining('gone.csv'),
    });
  });
});

function openFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
