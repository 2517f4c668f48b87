import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { createReaders, csvReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { Source } from '../../src/core/source.ts';
import type { DifficultIntake, KillableSourceDriver, SourceDriver, WideIntake } from '../../src/testing.ts';
import { CountedReads } from '../support/counted-reads.ts';
import { type OtherFormat, otherFormats, type TextRows } from './format-files.ts';

/** How the files of an intake are written. */
export interface FileForm {
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly delimiter: string;
  readonly encoding: 'utf-8' | 'latin_1';
  readonly newline: '\n' | '\r\n';
}

const READER = join(import.meta.dirname, 'file-reader-child.ts');

const ENDING = { none: '', gzip: '.gz', zstd: '.zst' } as const;

const COLUMNS = ['id', 'text', 'x'] as const;

const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;

/** The source of the files that a pattern stands for. */
export function fileSource(pattern: string, { delimiter, encoding }: Pick<FileForm, 'delimiter' | 'encoding'>): Source {
  return createObjectSource({
    store: createFileStore(),
    patterns: [pattern],
    readers: csvReaders({ ...defaultCsvSettings, delimiter, encoding }),
    compression: 'auto',
  });
}

/** A file of the given rows. */
export async function difficultFile(rows: readonly (readonly (string | null)[])[]): Promise<DifficultIntake> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-intake-'));
  const path = join(folder, 'difficult.csv');
  await writeFile(path, csvText(['id', 'value'], rows, ',', '\n'));
  return {
    source: () => fileSource(path, { delimiter: ',', encoding: 'utf-8' }),
    close: () => rm(folder, { recursive: true }),
  };
}

/** A file of 16 MB. For its identity and for its rows a chunk of 512 KiB is read, and the one behind it. */
export async function wideFile(): Promise<WideIntake> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-intake-'));
  const path = join(folder, 'wide.csv');
  const rows = 2_000;
  const text = csvText(
    ['id', 'text'],
    Array.from({ length: rows }, (_, id) => [String(id), 'x'.repeat(8_000)]),
    ',',
    '\n',
  );
  await writeFile(path, text);
  const reads = await CountedReads.start();
  return {
    source: () => fileSource(path, { delimiter: ',', encoding: 'utf-8' }),
    rows,
    bytes: text.length,
    taken: () => reads.bytes,
    ahead: 4 * 512 * 1024,
    close: async () => {
      reads.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** A folder of three files, one of them with a header only, given as a pattern. */
export async function fileIntake(form: FileForm): Promise<KillableSourceDriver> {
  const write = async (part: TextRows): Promise<Buffer> => packed(textOf(part, form), form);
  return folderIntake(
    `.csv${ENDING[form.compression]}`,
    write,
    (pattern) => fileSource(pattern, form),
    (pattern) => [pattern, form.delimiter, form.encoding],
  );
}

/** The same of files of another format, told by their names. */
export async function formatIntake(format: OtherFormat): Promise<SourceDriver> {
  const write = (part: TextRows): Promise<Buffer> => otherFormats[format].write(COLUMNS, part);
  return folderIntake(`.${format}`, write, (pattern) =>
    createObjectSource({
      store: createFileStore(),
      patterns: [pattern],
      readers: createReaders({}),
      compression: 'auto',
    }),
  );
}

/** @param args of the program that reads it in a process of its own. */
async function folderIntake(
  ending: string,
  write: (part: TextRows) => Promise<Buffer>,
  source: (pattern: string) => Source,
  args: (pattern: string) => readonly string[] = () => [],
): Promise<KillableSourceDriver> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-intake-'));
  const parts = [rows(0, 25), [], rows(25, 31)];
  const path = (index: number): string => join(folder, `part-${index}${ending}`);
  for (const [index, part] of parts.entries()) await writeFile(path(index), await write(part));
  const pattern = join(folder, 'part-*');
  return {
    records: parts.flat(),
    source: () => source(pattern),
    reader: { module: READER, args: args(pattern) },
    change: async () => writeFile(path(2), await write(rows(25, 30))),
    close: () => rm(folder, { recursive: true }),
  };
}

function rows(from: number, to: number): (string | null)[][] {
  return Array.from({ length: to - from }, (_, i) => [
    String(from + i),
    TEXTS[(from + i) % TEXTS.length] ?? null,
    `${(from + i) / 4}`,
  ]);
}

function textOf(part: TextRows, form: FileForm): string {
  return csvText(COLUMNS, part, form.delimiter, form.newline);
}

function csvText(names: readonly string[], rows: TextRows, delimiter: string, newline: string): string {
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  return [names, ...rows].map((record) => record.map(field).join(delimiter) + newline).join('');
}

/** Cut in the middle into two members or frames, as a parallel packer leaves them. */
function packed(text: string, form: FileForm): Buffer {
  const bytes = Buffer.from(text, form.encoding === 'utf-8' ? 'utf8' : 'latin1');
  if (form.compression === 'none') return bytes;
  const pack = form.compression === 'gzip' ? gzipSync : zstdCompressSync;
  const cut = Math.floor(bytes.length / 2);
  return Buffer.concat([pack(bytes.subarray(0, cut)), pack(bytes.subarray(cut))]);
}
