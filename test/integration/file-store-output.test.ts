import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import type { ObjectRole, StagedOutput } from '../../src/sdk.ts';

const { signal } = new AbortController();
let folder = '';
let out = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-file-'));
  out = join(folder, 'out.csv');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function stage(overwrite = false, deadLetterPath?: string): Promise<StagedOutput> {
  return createFileStore(deadLetterPath === undefined ? {} : { deadLetterPath }).stage(out, { overwrite }, signal);
}

async function add(output: StagedOutput, rows: string, deadLetters = ''): Promise<void> {
  await output.append('rows', Buffer.from(rows), signal);
  if (deadLetters !== '') await output.append('deadLetters', Buffer.from(deadLetters), signal);
}

async function durable(output: StagedOutput, role: ObjectRole, encoding: 'utf8' | 'hex' = 'utf8'): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of output.reread(role, 0, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString(encoding);
}

/** A whole run: stages, writes, publishes. */
async function finish(rows: string, deadLetters = '', overwrite = false): Promise<void> {
  await using output = await stage(overwrite);
  await add(output, rows, deadLetters);
  await output.publish({ rows }, signal);
}

/** An interrupted run that committed `rows` and `letters`, and wrote something more. */
async function interrupt(rows: string, letters = '', overwrite = false): Promise<void> {
  await using output = await stage(overwrite);
  await add(output, rows, letters);
  await output.commit({ rows }, signal);
  await add(output, 'not committed', 'neither');
}

const files = (): readonly string[] => readdirSync(folder).toSorted();
const text = (name: string): string => readFileSync(join(folder, name), 'utf8');

describe('an output under way', () => {
  test('is invisible until it is published, and leaves nothing but itself then', async () => {
    const output = await stage();
    await add(output, 'rows\n', 'letter\n');
    await output.commit({ n: 1 }, signal);
    expect(files()).not.toContain('out.csv');
    await output.publish({ the: 'manifest' }, signal);
    await output.close();
    expect(files()).toEqual(['out.csv', 'out.csv.dead.jsonl', 'out.csv.manifest.json']);
    expect([text('out.csv'), text('out.csv.dead.jsonl')]).toEqual(['rows\n', 'letter\n']);
    expect(JSON.parse(text('out.csv.manifest.json'))).toEqual({ the: 'manifest' });
  });

  test('without dead letters has no file for them, and takes away one that an earlier output left', async () => {
    writeFileSync(`${out}.dead.jsonl`, 'stale');
    await finish('rows\n');
    expect(files()).toEqual(['out.csv', 'out.csv.manifest.json']);
  });

  test('is continued with exactly what was committed, in any mix of appends, commits and crashes', async () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('rows' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
      fc.record({ kind: fc.constant('deadLetters' as const), bytes: fc.uint8Array({ maxLength: 50 }) }),
      fc.record({ kind: fc.constantFrom('commit' as const, 'crash' as const, 'restart' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), async (acts) => {
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder);
        let kept: { rows: string; deadLetters: string; note: number } | null = null;
        let now = { rows: '', deadLetters: '' };
        let output = await stage();
        for (const [i, step] of acts.entries()) {
          if (step.kind === 'commit') {
            await output.commit(i, signal);
            kept = { ...now, note: i };
          } else if (step.kind === 'restart') {
            await output.restart(signal);
            kept = null;
            now = { rows: '', deadLetters: '' };
            expect(output.found).toBe(null);
          } else if (step.kind === 'crash') {
            await output.close();
            if (kept === null) expect(files()).toEqual([]);
            output = await stage();
            now = { rows: kept?.rows ?? '', deadLetters: kept?.deadLetters ?? '' };
            expect(output.found?.note ?? null).toEqual(kept?.note ?? null);
            expect(await durable(output, 'rows', 'hex')).toBe(now.rows);
            expect(await durable(output, 'deadLetters', 'hex')).toBe(now.deadLetters);
          } else if ('bytes' in step) {
            const buffer = Buffer.from(step.bytes);
            const hex = buffer.toString('hex');
            await output.append(step.kind, buffer, signal);
            // The caller may write to its buffer as soon as it was accepted.
            buffer.fill(0x21);
            now = { ...now, [step.kind]: now[step.kind] + hex };
          }
        }
        await output.publish({}, signal);
        await output.close();
        expect(readFileSync(out).toString('hex')).toBe(now.rows);
        const letters = existsSync(`${out}.dead.jsonl`) ? readFileSync(`${out}.dead.jsonl`).toString('hex') : '';
        expect(letters).toBe(now.deadLetters);
      }),
      { numRuns: 40 },
    );
  });

  test('is gone without a trace after a discard, or a close before the first commit; an older output stays', async () => {
    await finish('old\n', 'old letter\n');
    const before = files();
    const discarded = await stage(true);
    await add(discarded, 'new\n', 'new letter\n');
    await discarded.commit({}, signal);
    await discarded.discard();
    await discarded.close();
    expect(files()).toEqual(before);
    const closed = await stage(true);
    await add(closed, 'new\n');
    await closed.close();
    expect(files()).toEqual(before);
    expect([text('out.csv'), text('out.csv.dead.jsonl')]).toEqual(['old\n', 'old letter\n']);
  });

  test('that was aborted accepts nothing more of that call, and can be continued', async () => {
    const output = await stage();
    await add(output, 'kept\n');
    await output.commit({}, signal);
    const reason = new Error('stop');
    await expect(output.append('rows', Buffer.from('x'), AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(output.commit({}, AbortSignal.abort(reason))).rejects.toBe(reason);
    await output.close();
    await using again = await stage();
    expect(await durable(again, 'rows')).toBe('kept\n');
  });
});

describe('a name that is taken', () => {
  test('by a finished output is refused with how to check and how to replace it', async () => {
    await finish('old\n');
    const before = files();
    await expect(stage()).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringMatching(/sluice verify.*--overwrite/),
    });
    expect(files()).toEqual(before);
  });

  test('by any other file is refused, and the file stays as it is', async () => {
    writeFileSync(out, 'mine');
    await expect(stage()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect([files(), text('out.csv')]).toEqual([['out.csv'], 'mine']);
  });

  test('with overwrite stays until the new output replaces it as a whole', async () => {
    await finish('old\n', 'old letter\n');
    await using output = await stage(true);
    await add(output, 'new\n');
    await output.commit({}, signal);
    expect([text('out.csv'), text('out.csv.dead.jsonl')]).toEqual(['old\n', 'old letter\n']);
    await output.publish({ new: true }, signal);
    await output.close();
    expect(files()).toEqual(['out.csv', 'out.csv.manifest.json']);
    expect([text('out.csv'), JSON.parse(text('out.csv.manifest.json'))]).toEqual(['new\n', { new: true }]);
  });

  test('an interrupted run that was to overwrite is continued without being told again, and thrown away when told', async () => {
    await finish('old\n');
    await interrupt('first\n', '', true);
    {
      await using continued = await stage();
      expect(continued.found?.note).toEqual({ rows: 'first\n' });
    }
    await using output = await stage(true);
    expect(output.found).toBe(null);
    await add(output, 'second\n');
    await output.publish({}, signal);
    expect(text('out.csv')).toBe('second\n');
  });

  test('while the job ran is not replaced at its end: what was committed stays', async () => {
    await using output = await stage();
    await add(output, 'rows\n');
    await output.commit({}, signal);
    writeFileSync(out, 'mine');
    await expect(output.publish({}, signal)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await output.close();
    expect(text('out.csv')).toBe('mine');
    rmSync(out);
    await using again = await stage();
    expect(await durable(again, 'rows')).toBe('rows\n');
  });
});

describe('what an interrupted run left', () => {
  test('behind its last commit is cut off as soon as the output is taken again', async () => {
    await interrupt('rows\n', 'letter\n');
    await using _output = await stage();
    expect([text('out.csv.partial'), text('out.csv.dead.jsonl.partial')]).toEqual(['rows\n', 'letter\n']);
  });

  test('partial files without a ledger count as nothing', async () => {
    writeFileSync(`${out}.partial`, 'stale');
    writeFileSync(`${out}.dead.jsonl.partial`, 'stale');
    await finish('rows\n');
    expect([files(), text('out.csv')]).toEqual([['out.csv', 'out.csv.manifest.json'], 'rows\n']);
  });

  test.each([
    ['a shortened partial file', () => truncateSync(`${out}.partial`, 3), /out\.csv\.partial holds 3 bytes.*12/],
    ['a missing partial file', () => rmSync(`${out}.partial`), /out\.csv\.partial holds 0 bytes.*12/],
    [
      'a shortened file of dead letters',
      () => truncateSync(`${out}.dead.jsonl.partial`, 1),
      /dead\.jsonl\.partial holds 1 bytes/,
    ],
    ['a ledger that is no JSON', () => writeFileSync(`${out}.ledger.json`, '{"version":1,'), /is no ledger/],
    ['a ledger of another version', () => writeFileSync(`${out}.ledger.json`, '{"version":2}'), /is no ledger/],
    [
      'a ledger with a length that cannot be',
      () => writeFileSync(`${out}.ledger.json`, text('out.csv.ledger.json').replace('"rows":12', '"rows":-1')),
      /is no ledger/,
    ],
  ])('%s is refused, and --overwrite starts anew', async (_, spoil, words) => {
    await interrupt('twelve bytes', 'letter\n');
    spoil();
    await expect(stage()).rejects.toMatchObject({ code: 'LEDGER_BROKEN', message: expect.stringMatching(words) });
    expect(files()).not.toContain('out.csv.lock');
    await using output = await stage(true);
    expect(output.found).toBe(null);
  });

  test('a publication that was interrupted anywhere is completed, and then is a finished output', async () => {
    // The ledger that publishes, as a run left it that could not go on: a folder stands where the manifest is to be.
    const stuck = async (overwrite: boolean): Promise<void> => {
      await using output = await stage(overwrite);
      await add(output, 'rows\n', 'letter\n');
      rmSync(`${out}.manifest.json`, { force: true });
      mkdirSync(`${out}.manifest.json`);
      await expect(output.publish({ m: 1 }, signal)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
      await output.discard();
    };
    const steps = [
      () => undefined,
      () => renameSync(`${out}.partial`, out),
      () => renameSync(`${out}.dead.jsonl`, `${out}.dead.jsonl.partial`),
    ];
    for (const overwrite of [false, true]) {
      for (const step of steps) {
        for (const name of files()) rmSync(join(folder, name), { recursive: true });
        if (overwrite) await finish('old\n', 'old letter\n');
        await stuck(overwrite);
        rmSync(`${out}.manifest.json`, { recursive: true });
        step();
        await expect(stage()).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
        expect(files()).toEqual(['out.csv', 'out.csv.dead.jsonl', 'out.csv.manifest.json']);
        expect([text('out.csv'), text('out.csv.dead.jsonl'), JSON.parse(text('out.csv.manifest.json'))]).toEqual([
          'rows\n',
          'letter\n',
          { m: 1 },
        ]);
      }
    }
  });

  test('a finished partial file that was changed before its publication could be completed is not published', async () => {
    await using output = await stage();
    await add(output, 'rows\n');
    mkdirSync(`${out}.manifest.json`);
    await expect(output.publish({}, signal)).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
    await output.close();
    rmSync(`${out}.manifest.json`, { recursive: true });
    appendFileSync(`${out}.partial`, 'more');
    await expect(stage()).rejects.toMatchObject({ code: 'LEDGER_BROKEN' });
    expect(existsSync(out)).toBe(false);
  });
});

describe('dead letters at a place of their own', () => {
  const elsewhere = (): string => {
    mkdirSync(join(folder, 'letters'), { recursive: true });
    return join(folder, 'letters', 'all.jsonl');
  };

  test('are published there, and the manifest can name them', async () => {
    const path = elsewhere();
    await using output = await stage(false, path);
    expect(output.names).toEqual({ rows: 'out.csv', deadLetters: 'letters/all.jsonl' });
    await add(output, 'rows\n', 'letter\n');
    await output.publish({}, signal);
    await output.close();
    expect([readFileSync(path, 'utf8'), readdirSync(join(folder, 'letters'))]).toEqual(['letter\n', ['all.jsonl']]);
  });

  test('do not replace a file that is there, unless told', async () => {
    const path = elsewhere();
    writeFileSync(path, 'mine');
    await expect(stage(false, path)).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining(path),
    });
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await using output = await stage(true, path);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await add(output, 'rows\n', 'letter\n');
    await output.publish({}, signal);
    expect(readFileSync(path, 'utf8')).toBe('letter\n');
  });

  test('an interrupted run is not continued with another place for them', async () => {
    await interrupt('rows\n', 'letter\n');
    await expect(stage(false, elsewhere())).rejects.toMatchObject({ code: 'LEDGER_OTHER_JOB' });
    await using output = await stage();
    expect(await durable(output, 'deadLetters')).toBe('letter\n');
  });

  test('two outputs cannot have one place for them at the same time', async () => {
    const path = elsewhere();
    await using _output = await stage(false, path);
    out = join(folder, 'other.csv');
    await expect(stage(false, path)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
  });

  test.each(['out.csv', 'out.csv.partial', 'out.csv.ledger.json', 'out.csv.manifest.json'])(
    '%s is refused as the place of the dead letters of out.csv',
    async (name) => {
      await expect(stage(false, join(folder, name))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    },
  );
});

describe('an output that cannot be written', () => {
  test('a folder, a device, a pipe, and a link to a device', async () => {
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    symlinkSync('/dev/null', join(folder, 'link'));
    for (const path of [folder, '/dev/null', '/dev/full', join(folder, 'pipe'), join(folder, 'link')]) {
      out = path;
      await expect(stage(true)).rejects.toMatchObject({
        code: 'OUTPUT_UNWRITABLE',
        message: expect.stringContaining(path),
      });
    }
    expect(existsSync('/dev/null.lock') || existsSync('/dev/null.partial')).toBe(false);
  });

  test('a folder that is not there is named, for rows and for dead letters', async () => {
    const missing = join(folder, 'missing');
    await expect(stage(false, join(missing, 'd.jsonl'))).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining(`no folder ${missing}.`),
    });
    out = join(missing, 'out.csv');
    await expect(stage()).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining(`no folder ${missing}.`),
    });
    expect(files()).toEqual([]);
  });

  test('a folder without the right to write in it', async () => {
    chmodSync(folder, 0o555);
    const root = process.geteuid?.() === 0;
    // Root may write anywhere; for the moment it is somebody else.
    if (root) process.seteuid?.(65_534);
    try {
      await expect(stage()).rejects.toMatchObject({
        code: 'OUTPUT_UNWRITABLE',
        message: expect.stringContaining(`no right to write in ${folder}`),
      });
    } finally {
      if (root) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
  });
});
