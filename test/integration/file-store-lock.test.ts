import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';

const { signal } = new AbortController();
const store = createFileStore();
let folder = '';
let out = '';
let holders: Holder[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
  out = join(folder, 'out.csv');
});
afterEach(async () => {
  await Promise.all(holders.map((holder) => holder.kill()));
  holders = [];
  rmSync(folder, { recursive: true, force: true });
});

/** Another process that takes the output. */
class Holder {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor() {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'file-store-holder.ts'), out], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#ended = once(this.#child, 'close');
    const lines: Interface = createInterface(this.#child.stdout);
    this.#lines = lines[Symbol.asyncIterator]();
    holders.push(this);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async line(): Promise<string> {
    const { value } = await this.#lines.next();
    return String(value);
  }

  take(): void {
    this.#child.stdin.write('take\n');
  }

  async end(): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}

async function holding(): Promise<Holder> {
  const holder = new Holder();
  expect(await holder.line()).toBe('ready');
  holder.take();
  expect(await holder.line()).toBe('taken');
  return holder;
}

/** A lock as a process of these properties would have left it. */
function leaveLock(changes: Readonly<Record<string, unknown>>): void {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const nonce = '00000000-0000-4000-8000-000000000000';
  symlinkSync(JSON.stringify({ pid: process.pid, host: hostname(), started, boot, nonce, ...changes }), `${out}.lock`);
}

const locks = (): readonly string[] => readdirSync(folder).filter((name) => name.includes('.lock'));

describe('an output that a run holds', () => {
  test('is refused to another process, which is told whose it is, and given once that has ended', async () => {
    const holder = await holding();
    await expect(store.stage(out, { overwrite: true }, signal)).rejects.toMatchObject({
      code: 'OUTPUT_LOCKED',
      message: expect.stringContaining(`process ${holder.pid} on ${hostname()}`),
    });
    await holder.end();
    await using output = await store.stage(out, { overwrite: false }, signal);
    expect(output.found?.note).toBe(holder.pid);
  });

  test('is refused to another run of the same process', async () => {
    await using _first = await store.stage(out, { overwrite: false }, signal);
    await expect(store.stage(out, { overwrite: false }, signal)).rejects.toMatchObject({ code: 'OUTPUT_LOCKED' });
  });

  test('is taken over from a process that was killed, with what that committed', async () => {
    const holder = await holding();
    await holder.kill();
    expect(locks()).toEqual(['out.csv.lock']);
    await using output = await store.stage(out, { overwrite: false }, signal);
    expect(output.found).toEqual({ note: holder.pid, bytes: { rows: 6, deadLetters: 0 } });
    expect(JSON.parse(readlinkSync(`${out}.lock`))).toMatchObject({ pid: process.pid });
  });

  test('is taken over by one alone of many that find its holder dead at the same moment', async () => {
    for (let round = 0; round < 3; round += 1) {
      await (await holding()).kill();
      const takers = Array.from({ length: 6 }, () => new Holder());
      for (const taker of takers) expect(await taker.line()).toBe('ready');
      for (const taker of takers) taker.take();
      const outcomes = await Promise.all(takers.map((taker) => taker.line()));
      expect(outcomes.filter((outcome) => outcome === 'taken').length).toBe(1);
      expect(outcomes.filter((outcome) => outcome.startsWith('OUTPUT_LOCKED')).length).toBe(5);
      await Promise.all(takers.map((taker) => taker.end()));
      expect(locks()).toEqual([]);
    }
  });

  test('is taken over within one process by one alone of many', async () => {
    leaveLock({ started: '1' });
    const outcomes = await Promise.allSettled(
      Array.from({ length: 40 }, () => store.stage(out, { overwrite: false }, signal)),
    );
    const taken = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    expect(taken.length).toBe(1);
    await taken[0]?.value.close();
    expect(locks()).toEqual([]);
  });
});

describe('a lock that was left behind', () => {
  test.each([
    ['by a process whose id another one has by now', { started: '1' }],
    ['before the machine was started again', { boot: 'another' }],
    ['by a process that is gone', { pid: 2 ** 22 + 1 }],
  ])('%s is taken over', async (_, changes) => {
    leaveLock(changes);
    await using output = await store.stage(out, { overwrite: false }, signal);
    expect(output.found).toBe(null);
  });

  test('together with the claim of one who died while taking it over is taken over', async () => {
    leaveLock({ started: '1' });
    const dead = {
      pid: 2 ** 22 + 1,
      host: hostname(),
      started: '1',
      boot: null,
      nonce: '11111111-1111-4111-8111-111111111111',
    };
    symlinkSync(JSON.stringify(dead), `${out}.lock.00000000-0000-4000-8000-000000000000`);
    const output = await store.stage(out, { overwrite: false }, signal);
    expect(locks()).toEqual(['out.csv.lock']);
    await output.close();
    expect(locks()).toEqual([]);
  });

  test('by a run on another host is not: nobody here can tell whether it is alive', async () => {
    leaveLock({ host: 'elsewhere.example', started: '1' });
    await expect(store.stage(out, { overwrite: false }, signal)).rejects.toMatchObject({
      code: 'OUTPUT_LOCKED',
      message: expect.stringMatching(/on elsewhere\.example.*remove .*out\.csv\.lock/),
    });
  });

  test('that does not say whose it is, is left to the user', async () => {
    writeFileSync(`${out}.lock`, '');
    await expect(store.stage(out, { overwrite: false }, signal)).rejects.toMatchObject({
      code: 'OUTPUT_LOCKED',
      message: expect.stringMatching(/remove .*out\.csv\.lock/),
    });
  });

  test('and taken over by another run since is not removed by the one that had it', async () => {
    const first = await store.stage(out, { overwrite: false }, signal);
    rmSync(`${out}.lock`);
    await using _second = await store.stage(out, { overwrite: false }, signal);
    await first.close();
    expect(locks()).toEqual(['out.csv.lock']);
  });
});
