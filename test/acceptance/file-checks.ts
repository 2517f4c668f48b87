import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockFile } from '../../connectors/file/file-lock.ts';
import type { CheckDriver } from '../../src/testing.ts';
import { fileSource } from './file-intake.ts';
import { fileSink } from './file-output.ts';

const FORM = { delimiter: ',', encoding: 'utf-8' } as const;

/** What can be wrong with files that are read. */
export async function fileIntakeFaults(): Promise<CheckDriver> {
  const { folder, at, ...rest } = await place();
  await mkdir(at('empty'));
  await writeFile(at('good.csv'), 'id,x\n1,2\n');
  await writeFile(at('nothing.csv'), '');
  await writeFile(at('half.csv.gz'), 'no gzip');
  await writeFile(at('latin.csv'), Buffer.from('id,name\n1,caf\xe9\n', 'latin1'));
  const source = (name: string) => () => fileSource(join(folder, name), FORM);
  return {
    ...rest,
    sound: source('good.csv'),
    faults: {
      'a missing file': {
        part: source('god.csv'),
        code: 'INTAKE_NOT_FOUND',
        says: /There is no file .*god\.csv.*Check/,
      },
      'a missing folder': { part: source('no/good.csv'), code: 'INTAKE_NOT_FOUND', says: /no\/good\.csv/ },
      'a pattern of nothing': { part: source('*.tsv'), code: 'INTAKE_NOT_FOUND', says: /No file matches/ },
      'an empty folder': { part: source('empty'), code: 'INTAKE_NOT_FOUND', says: /folder .*empty holds no files/ },
      'an empty file': { part: source('nothing.csv'), code: 'INTAKE_EMPTY', says: /nothing\.csv/ },
      'a broken archive': { part: source('half.csv.gz'), code: 'INTAKE_COMPRESSION', says: /half\.csv\.gz/ },
      'another encoding': {
        part: source('latin.csv'),
        code: 'INTAKE_ENCODING',
        says: /latin\.csv.*csvSettings\.encoding/,
      },
    },
  };
}

/** What can be wrong with a file that is written. */
export async function fileOutputFaults(): Promise<CheckDriver> {
  const { folder, at, close, ...rest } = await place();
  await mkdir(at('folder'));
  await writeFile(at('there.csv'), 'x\n');
  await writeFile(at('broken.csv.ledger.json'), '{');
  const lock = await lockFile(at('locked.csv.lock'), at('locked.csv'));
  const sink =
    (name: string, overwrite = false) =>
    () =>
      fileSink(join(folder, name), overwrite);
  return {
    ...rest,
    sound: sink('scored.csv'),
    faults: {
      'a missing folder': {
        part: sink('no/scored.csv'),
        code: 'OUTPUT_UNWRITABLE',
        says: /there is no folder .*no\. Create it/,
      },
      'a folder of that name': {
        part: sink('folder'),
        code: 'OUTPUT_UNWRITABLE',
        says: /is a folder\. Name a file in it/,
      },
      'a file in place of a folder': { part: sink('there.csv/x.csv'), code: 'OUTPUT_UNWRITABLE', says: /there\.csv/ },
      'an output that is there': {
        part: sink('there.csv'),
        code: 'OUTPUT_EXISTS',
        says: /there\.csv exists.*--overwrite/,
      },
      'another run': { part: sink('locked.csv', true), code: 'OUTPUT_LOCKED', says: /written by process \d+/ },
      'a ledger of nobody': { part: sink('broken.csv'), code: 'LEDGER_BROKEN', says: /is no ledger.*--overwrite/ },
    },
    close: async () => {
      await lock.release();
      await close();
    },
  };
}

async function place(): Promise<
  Pick<CheckDriver, 'secrets' | 'contents' | 'close'> & {
    readonly folder: string;
    readonly at: (name: string) => string;
  }
> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-check-'));
  return {
    folder,
    at: (name) => join(folder, name),
    // Files have no passwords.
    secrets: [],
    contents: async () => {
      const names = (await readdir(folder, { recursive: true })).toSorted();
      return await Promise.all(
        names.map(async (name) => {
          const path = join(folder, name);
          const isFile = (await stat(path).catch(() => null))?.isFile() === true;
          return isFile ? `${name}: ${await readFile(path, 'latin1')}` : name;
        }),
      );
    },
    close: () => rm(folder, { recursive: true }),
  };
}
