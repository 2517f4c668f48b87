import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { compressionOf } from '../../src/codecs/compression.ts';
import { createWriter } from '../../src/codecs/formats.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import { readManifest } from '../../src/codecs/objects/read-manifest.ts';
import type { LinkWriter } from '../../src/core/link.ts';
import type { ScoredBatch } from '../../src/core/scored-batch.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import type { PartsOptions, PartWait, PublishedPart } from '../../src/stages/parts-options.ts';
import { createPartsWriter } from '../../src/stages/parts-writer.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { plainTopic, type Topic, topicBatch, topicFormats } from '../unit/stages/parts-topic.ts';

const { signal } = new AbortController();
const NEVER = { rows: Infinity, bytes: Infinity, ms: Infinity };
const topic: Topic = { ...plainTopic, isBad: (offset) => offset % 10 === 3 };
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-parts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Settings extends Partial<Omit<PartsOptions, 'roll'>> {
  readonly roll?: Partial<PartsOptions['roll']>;
  readonly ending?: string;
}

interface Holder {
  readonly writer: LinkWriter<ScoredBatch>;
  readonly waits: readonly PartWait[];
  /** Resolves with the next part that is published. */
  published(): Promise<PublishedPart>;
  append(from: number, rows: number): Promise<void>;
}

function keyOf(split: string, from: number, ending: string): string {
  return join(folder, `${split.replace('/', '-')}-${String(from).padStart(20, '0')}${ending}`);
}

/** A holder of partition 0 whose parts are files. */
function holder({ ending = '.csv', roll, ...settings }: Settings = {}): Holder {
  const waits: PartWait[] = [];
  const formats = topicFormats();
  let tell: (part: PublishedPart) => void = () => undefined;
  const writer = createPartsWriter({
    splitOf: (partition) => `topic/${partition}`,
    openPart: (split, from) =>
      createObjectSink({
        store: createFileStore(),
        key: keyOf(split, from, ending),
        writer: createWriter('csv', {}, compressionOf(ending)),
        overwrite: false,
      }),
    // While the ledger stands there, the publication is not finished: opening the part finishes it.
    publishedJob: async (split, from) => {
      const key = keyOf(split, from, ending);
      if (!existsSync(key) || existsSync(`${key}.ledger.json`)) return null;
      return (await readManifest(createFileStore(), `${key}.manifest.json`, signal))?.job ?? null;
    },
    job: { deployment: 'd' },
    format: formats,
    commits: { everyMs: 1_000, everyBytes: 1 },
    clock: new ManualClock(),
    onWait: (wait) => waits.push(wait),
    onPublished: (part) => tell(part),
    roll: { ...NEVER, ...roll },
    ...settings,
  });
  return {
    writer,
    waits,
    published: () => new Promise((resolve) => (tell = resolve)),
    append: async (from, rows) => {
      const value = await topicBatch(topic, from, rows, formats);
      await writer.append(0, { kind: 'batch', sequence: value.sequence, value }, signal);
    },
  };
}

const lost = AbortSignal.abort(new Error('lost'));
const files = (): readonly string[] => readdirSync(folder).toSorted();
const rowsOf = (bytes: Buffer): string[] => bytes.toString().split('\n').slice(1, -1);
const part = (from: number, ending = '.csv'): string => keyOf('topic/0', from, ending);

/** The offsets in all published parts, in the order of the parts; each part must be whole. */
async function offsets(): Promise<readonly number[]> {
  const parts = files().filter((name) => /\.csv(\.gz)?$/.test(name));
  const found: number[] = [];
  for (const name of parts) {
    const path = join(folder, name);
    expect((await verifyNamedOutput(path)).problems).toEqual([]);
    const bytes = readFileSync(path);
    found.push(...rowsOf(name.endsWith('.gz') ? gunzipSync(bytes) : bytes).map((row) => Number(row.split(',')[1])));
  }
  return found;
}

const range = (end: number): readonly number[] => Array.from({ length: end }, (_, i) => i);

describe('parts that are files', () => {
  test('stand under names that sort by offset, each whole by itself, with its dead letters', async () => {
    const one = holder({ roll: { rows: 10 } });
    expect(await one.writer.begin(0, 0, signal)).toBe(0);
    for (let from = 0; from < 24; from += 4) await one.append(from, 4);
    await one.writer.end(0, signal);
    expect(await offsets()).toEqual(range(24));
    expect(files()).toEqual(
      [0, 12].flatMap((from) =>
        ['', '.dead.jsonl', '.manifest.json'].map((end) => `${part(from).slice(folder.length + 1)}${end}`),
      ),
    );
    expect(readFileSync(part(0), 'utf8').split('\n').slice(0, 5)).toEqual([
      'double_PREDICTION,id,extra_0',
      '0,0,x',
      '2,1,x',
      '4,2,x',
      ',3,x',
    ]);
    expect(readFileSync(`${part(12)}.dead.jsonl`, 'utf8')).toMatch(/"line":13.*id 13 is bad.*\n.*"line":23/);
  });

  test('are followed by whoever begins at an offset that was committed before they were published', async () => {
    const one = holder({ roll: { rows: 5 } });
    await one.writer.begin(0, 0, signal);
    for (let from = 0; from < 15; from += 5) await one.append(from, 5);
    // The process dies here: its offsets were never committed.
    const two = holder();
    expect(await two.writer.begin(0, 0, signal)).toBe(15);
    expect(two.writer.durable(0)).toBe(15);
    await two.append(15, 5);
    await two.writer.end(0, signal);
    expect(await offsets()).toEqual(range(20));
  });

  test('are continued from the ledger when their holder let go of them unpublished', async () => {
    for (const ending of ['.csv', '.csv.gz']) {
      const one = holder({ ending });
      await one.writer.begin(0, 0, signal);
      await one.append(0, 5);
      await one.append(5, 5);
      await one.writer.end(0, lost);
      const two = holder({ ending });
      // A compressed part is committed at the end of a block only; what is not is read again.
      const next = await two.writer.begin(0, 0, signal);
      expect(next).toBe(ending === '.csv' ? 10 : 0);
      expect(two.writer.durable(0)).toBe(0);
      await two.append(next, 20 - next);
      await two.writer.end(0, signal);
      expect(await offsets()).toEqual(range(20));
      for (const name of files()) rmSync(join(folder, name));
    }
  });

  test('are published when they are old enough, though no row comes', async () => {
    const clock = new ManualClock();
    const one = holder({ clock, roll: { ms: 60_000 } });
    await one.writer.begin(0, 0, signal);
    await one.append(0, 5);
    const published = one.published();
    clock.advance(60_000);
    expect(await published).toMatchObject({ from: 0, through: 5, manifest: { job: { through: 5 } } });
    await one.append(5, 5);
    await one.writer.end(0, signal);
    expect(await offsets()).toEqual(range(10));
  });

  test('are not taken from who holds them: whoever comes waits until he publishes or lets go', async () => {
    for (const [end, next] of [
      [signal, 5],
      [lost, 5],
    ] as const) {
      const clock = new ManualClock();
      const zombie = holder();
      await zombie.writer.begin(0, 0, signal);
      await zombie.append(0, 5);
      const two = holder({ clock });
      const begun = two.writer.begin(0, 0, signal);
      await clock.asleep();
      expect(two.waits[0]?.reason).toContain('is being written by process');
      await zombie.writer.end(0, end);
      clock.advance(10_000);
      expect(await begun).toBe(next);
      expect(two.writer.durable(0)).toBe(end.aborted ? 0 : 5);
      await two.append(5, 5);
      await two.writer.end(0, signal);
      expect(await offsets()).toEqual(range(10));
      for (const name of files()) rmSync(join(folder, name));
    }
  });

  test('stop a zombie at the first row that it would write behind its last part', async () => {
    const zombie = holder({ roll: { rows: 5 } });
    await zombie.writer.begin(0, 0, signal);
    await zombie.append(0, 5);
    const two = holder();
    expect(await two.writer.begin(0, 0, signal)).toBe(5);
    await two.append(5, 7);
    await expect(zombie.append(5, 5)).rejects.toMatchObject({ code: 'KAFKA_FENCED', retryable: true });
    await two.writer.end(0, signal);
    await expect(zombie.append(10, 5)).rejects.toMatchObject({ code: 'KAFKA_FENCED' });
    await zombie.writer.end(0, lost);
    expect(await offsets()).toEqual(range(12));
  });

  test('whose publication was cut are finished by whoever begins, and then followed', async () => {
    const one = holder();
    await one.writer.begin(0, 0, signal);
    await one.append(0, 5);
    const seen = JSON.parse(readFileSync(`${part(0)}.ledger.json`, 'utf8')) as Record<string, unknown>;
    await one.writer.end(0, signal);
    // As after a kill between the manifest and the rows: the rows have their old name, the ledger says that they are being published.
    const manifest: unknown = JSON.parse(readFileSync(`${part(0)}.manifest.json`, 'utf8'));
    const rows = readFileSync(part(0));
    rmSync(part(0));
    writeFileSync(`${part(0)}.partial`, rows);
    writeFileSync(`${part(0)}.ledger.json`, JSON.stringify({ ...seen, state: 'publishing', manifest }));
    const two = holder();
    expect(await two.writer.begin(0, 0, signal)).toBe(5);
    await two.append(5, 5);
    await two.writer.end(0, signal);
    expect(await offsets()).toEqual(range(10));
  });

  test('leave nothing behind when no row came', async () => {
    const one = holder();
    await one.writer.begin(0, 7, signal);
    await one.writer.end(0, signal);
    expect([files(), one.writer.durable(0)]).toEqual([[], 7]);
  });

  test('of a job with other settings are not continued', async () => {
    const one = holder();
    await one.writer.begin(0, 0, signal);
    await one.append(0, 5);
    await one.writer.end(0, lost);
    const other = holder({ job: { deployment: 'another' } });
    await expect(other.writer.begin(0, 0, signal)).rejects.toMatchObject({ code: 'LEDGER_OTHER_JOB' });
    expect(await holder().writer.begin(0, 0, signal)).toBe(5);
  });

  test('that a job published for another group are not taken for its own rows', async () => {
    const one = holder({ job: { deployment: 'd', intake: { group: 'one' } } });
    await one.writer.begin(0, 0, signal);
    await one.append(0, 5);
    await one.writer.end(0, signal);
    const two = holder({ job: { deployment: 'e', intake: { group: 'two' } } });
    await expect(two.writer.begin(0, 0, signal)).rejects.toMatchObject({
      code: 'LEDGER_OTHER_JOB',
      message: expect.stringMatching(/topic\/0 is .* offset 0 to 5, .*deployment: was "d", is "e"/),
    });
    // Settings of a job may change behind a part, wherever its offsets were committed last.
    const changed = holder({ job: { deployment: 'e', intake: { group: 'one' } } });
    expect(await changed.writer.begin(0, 0, signal)).toBe(5);
  });
});
