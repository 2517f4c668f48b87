import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { defaultCsvSettings } from '../../src/codecs/csv/csv-settings.ts';
import { createReaders, csvReaders, type ObjectReaders } from '../../src/codecs/formats.ts';
import { createObjectSource } from '../../src/codecs/objects/object-source.ts';
import type { SourceDriver } from '../../src/testing.ts';
import { type OtherFormat, otherFormats, type TextRows } from './format-files.ts';

/** How the files of an intake are written. */
export interface FileForm {
  readonly compression: 'none' | 'gzip' | 'zstd';
  readonly delimiter: string;
  readonly encoding: 'utf-8' | 'latin_1';
  readonly newline: '\n' | '\r\n';
}

const ENDING = { none: '', gzip: '.gz', zstd: '.zst' } as const;

const COLUMNS = ['id', 'text', 'x'] as const;

const TEXTS = ['plain', 'with "quotes"', 'a, b; c', 'two\nlines', 'naïve café', ' spaced ', '', null] as const;

/** A folder of three files, one of them with a header only, given as a pattern. */
export async function fileIntake(form: FileForm): Promise<SourceDriver> {
  const settings = { ...defaultCsvSettings, delimiter: form.delimiter, encoding: form.encoding };
  const write = async (part: TextRows): Promise<Buffer> => packed(textOf(part, form), form);
  return folderIntake(`.csv${ENDING[form.compression]}`, write, csvReaders(settings));
}

/** The same of files of another format, told by their names. */
export async function formatIntake(format: OtherFormat): Promise<SourceDriver> {
  const write = (part: TextRows): Promise<Buffer> => otherFormats[format].write(COLUMNS, part);
  return folderIntake(`.${format}`, write, createReaders({}));
}

async function folderIntake(
  ending: string,
  write: (part: TextRows) => Promise<Buffer>,
  readers: ObjectReaders,
): Promise<SourceDriver> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-intake-'));
  const parts = [rows(0, 25), [], rows(25, 31)];
  const path = (index: number): string => join(folder, `part-${index}${ending}`);
  for (const [index, part] of parts.entries()) await writeFile(path(index), await write(part));
  return {
    records: parts.flat(),
    source: () =>
      createObjectSource({
        store: createFileStore(),
        patterns: [join(folder, 'part-*')],
        readers,
        compression: 'auto',
      }),
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
  const field = (value: string | null): string => (value === null ? '' : `"${value.replaceAll('"', '""')}"`);
  return [COLUMNS, ...part].map((record) => record.map(field).join(form.delimiter) + form.newline).join('');
}

/** Cut in the middle into two members or frames, as a parallel packer leaves them. */
function packed(text: string, form: FileForm): Buffer {
  const bytes = Buffer.from(text, form.encoding === 'utf-8' ? 'utf8' : 'latin1');
  if (form.compression === 'none') return bytes;
  const pack = form.compression === 'gzip' ? gzipSync : zstdCompressSync;
  const cut = Math.floor(bytes.length / 2);
  return Buffer.concat([pack(bytes.subarray(0, cut)), pack(bytes.subarray(cut))]);
}
