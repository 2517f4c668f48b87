import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { createObjectSink } from '../../src/codecs/objects/object-sink.ts';
import { encodeRecords } from '../../src/core/canonical-csv.ts';
import { verifyNamedOutput } from '../../src/jobs/verify-named-output.ts';
import {
  type Compression,
  type CsvSettings,
  createWriter,
  defaultCsvSettings,
  type Manifest,
  type ScoredBatch,
  schemaOf,
} from '../../src/sdk.ts';

const { signal } = new AbortController();
const schema = schemaOf(['id', 'text, quoted', 'é']);
let folder = '';
let next = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-verify-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Made {
  readonly batches?: number;
  readonly publish?: boolean;
  readonly compression?: Compression;
  readonly csv?: Partial<CsvSettings>;
  /** Whether the job's identity tells the dialect, as that of every job does which was told one. */
  readonly told?: boolean;
}

/** A real output of batches of 20 rows, one of them failed and one record skipped. */
async function made({
  batches = 3,
  publish = true,
  compression = 'none',
  csv = {},
  told = true,
}: Made): Promise<string> {
  next += 1;
  const key = join(folder, `out-${next}.csv`);
  const settings = { ...defaultCsvSettings, ...csv };
  const { delimiter, quotechar, encoding } = settings;
  await using sink = createObjectSink({
    store: createFileStore(),
    key,
    writer: createWriter('csv', { csv: settings }, compression),
    overwrite: false,
  });
  await sink.open(told ? { csvSettings: { delimiter, quotechar, encoding } } : { intake: 'x' }, signal);
  for (let sequence = 0; sequence < batches; sequence += 1) await sink.write(batch(sequence), schema, signal);
  await sink.commit(signal);
  const tally = { read: 21 * batches, scored: 19 * batches, failed: batches, skipped: batches };
  const facts = {
    version: 1,
    job: {},
    tally,
    model: null,
    intakeBytes: 1,
    finished: new Date(0).toISOString(),
  } as const;
  const job = told ? { csvSettings: { delimiter, quotechar, encoding } } : { intake: 'x' };
  if (publish) await sink.publish({ ...facts, job }, schema, signal);
  return key;
}

function batch(sequence: number): ScoredBatch {
  const rows = Array.from({ length: 20 }, (_, i) => [
    sequence * 20 + i,
    `a "quote",\nand; a line|${i}`,
    i % 2 === 0 ? null : 'é',
  ]);
  const letter = { split: 'in.csv', line: 1, reason: 'bad', bytes: Buffer.from('x') };
  return {
    sequence,
    through: { split: 'in.csv', after: sequence },
    intake: schema,
    output: { schema, ...encodeRecords(rows) },
    tally: { read: 21, scored: 19, failed: 1, skipped: 1 },
    deadLetters: [
      { ...letter, kind: 'failed', row: sequence * 20, attempts: 1 },
      { ...letter, kind: 'skipped', row: null, attempts: 0 },
    ],
    intakeBytes: 1,
    badBytes: 1,
    model: null,
  };
}

function editManifest(key: string, edit: (manifest: Manifest) => unknown): void {
  const path = `${key}.manifest.json`;
  writeFileSync(path, JSON.stringify(edit(JSON.parse(readFileSync(path, 'utf8')))));
}

describe('a whole output', () => {
  test.each<[string, Made]>([
    ['plain', {}],
    ['gzip', { compression: 'gzip' }],
    ['zstd', { compression: 'zstd' }],
    ['of a job that names no dialect', { told: false }],
    ['without rows', { batches: 0 }],
    ['with semicolons and single quotes', { csv: { delimiter: ';', quotechar: "'" } }],
    ['with tabs, in UTF-16, gzip', { csv: { delimiter: 'tab', encoding: 'utf-16' }, compression: 'gzip' }],
    ['in Latin-1', { csv: { encoding: 'latin-1' } }],
  ])('has no problems: %s', async (_, settings) => {
    const { problems, manifest } = await verifyNamedOutput(await made(settings));
    expect(problems).toEqual([]);
    expect(manifest?.tally.read).toBe(21 * (settings.batches ?? 3));
  });

  test('has none either when it was renamed together with its manifest and dead letters stay where they are named', async () => {
    const key = await made({});
    renameSync(key, `${key}.moved`);
    renameSync(`${key}.manifest.json`, `${key}.moved.manifest.json`);
    expect((await verifyNamedOutput(`${key}.moved`)).problems).toEqual([]);
  });
});

describe('an output that is not what its manifest says', () => {
  test('is found out whichever byte of it was changed', async () => {
    const keys = [await made({}), await made({ compression: 'gzip' }), await made({ compression: 'zstd' })];
    for (const key of keys) {
      const whole = readFileSync(key);
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
          const changed = Buffer.from(whole);
          changed[at]! ^= change;
          writeFileSync(key, changed);
          expect((await verifyNamedOutput(key)).problems.join()).toContain(`${key} has SHA-256`);
        }),
        { numRuns: 40 },
      );
    }
  });

  test.each<[string, (key: string) => void, readonly RegExp[]]>([
    [
      'shortened',
      (key) => truncateSync(key, 700),
      [/holds 700 bytes, the manifest says/, /SHA-256/, /cannot be read to its end|rows, the manifest says 60/],
    ],
    [
      'longer',
      (key) => appendFileSync(key, '60,x,\n'),
      [/bytes, the manifest says/, /SHA-256/, /holds 61 rows, the manifest says 60/],
    ],
    [
      'emptied',
      (key) => truncateSync(key, 0),
      [/holds 0 bytes/, /SHA-256/, /header line is not id, text, quoted, é/, /is empty/],
    ],
    ['without its dead letters', (key) => rmSync(`${key}.dead.jsonl`), [/dead\.jsonl is missing/]],
    [
      'with other dead letters',
      (key) => appendFileSync(`${key}.dead.jsonl`, '{}\n'),
      [/dead\.jsonl holds .* bytes/, /SHA-256/, /holds 7 lines, the manifest says 6/],
    ],
    [
      'counted wrongly',
      (key) => editManifest(key, (m) => ({ ...m, tally: { ...m.tally, scored: 1 } })),
      [/63 rows read, but 1 scored, 3 failed and 3 skipped are 7/],
    ],
    [
      'with fewer dead letters than failed rows',
      (key) => editManifest(key, (m) => ({ ...m, objects: m.objects.slice(0, 1) })),
      [/6 rows failed or skipped, but 0 dead letters/],
    ],
    [
      'of other columns',
      (key) => editManifest(key, (m) => ({ ...m, columns: ['id', 'b', 'c'] })),
      [/header line is not id, b, c/],
    ],
    [
      'of other rows',
      (key) => editManifest(key, (m) => ({ ...m, objects: m.objects.map((o) => ({ ...o, records: 5 })) })),
      [
        /6 rows failed.* 5 dead letters|but 10 dead letters/,
        /holds 60 rows, the manifest says 5/,
        /holds 6 lines, the manifest says 5/,
      ],
    ],
    ['without a manifest', (key) => rmSync(`${key}.manifest.json`), [/has no manifest/]],
    [
      'with a manifest that is none',
      (key) => editManifest(key, () => ({ version: 1 })),
      [/is no manifest of this version/],
    ],
    [
      'with a manifest that was cut off',
      (key) => truncateSync(`${key}.manifest.json`, 40),
      [/is no manifest of this version/],
    ],
    ['gone', (key) => rmSync(key), [/There is no output/]],
  ])('is named, with what differs and nothing else: %s', async (_, spoil, expected) => {
    const key = await made({});
    spoil(key);
    const { problems } = await verifyNamedOutput(key);
    expect(problems.length).toBe(expected.length);
    for (const [i, words] of expected.entries()) expect(problems[i]).toMatch(words);
  });

  test('is named when the records cannot be read to their end', async () => {
    const key = await made({});
    writeFileSync(key, readFileSync(key, 'utf8').replace('""', '"'));
    expect((await verifyNamedOutput(key)).problems.join('\n')).toMatch(/cannot be read to its end: .*line/);
  });
});

describe('an output that is not finished', () => {
  test('is called unfinished, with what to do', async () => {
    const key = await made({ publish: false });
    const { problems, manifest } = await verifyNamedOutput(key);
    expect([problems.length, manifest]).toEqual([1, null]);
    expect(problems[0]).toMatch(/is unfinished: \d+ bytes of it are durable\. Run the same job again/);
  });

  test('is no fault of a whole one that it is to replace', async () => {
    const key = await made({});
    await using output = await createFileStore().stage(key, { overwrite: true }, signal);
    await output.append('rows', Buffer.from('x'), signal);
    await output.commit({}, signal);
    expect((await verifyNamedOutput(key)).problems).toEqual([]);
  });

  test('a folder is an output only with the mark of one that is divided by columns', async () => {
    expect((await verifyNamedOutput(folder)).problems).toEqual([`There is no output ${join(folder, '_SUCCESS')}.`]);
  });
});
