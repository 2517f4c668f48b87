import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createFileStore } from '../../../connectors/file/file-store.ts';
import { readManifest } from '../../../connectors/file/manifest-file.ts';
import { endingOf } from '../../codecs/formats.ts';
import { createObjectSink } from '../../codecs/objects/object-sink.ts';
import type { Clock } from '../../core/clock.ts';
import type { Sink } from '../../core/sink.ts';
import { throughOfPart } from '../../stages/parts-manifest.ts';
import type { PartsOptions } from '../../stages/parts-options.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { outputFormat, outputWriter } from '../formats-of-job.ts';

type LocalOutput = Extract<JobDescription['outputSettings'], { readonly type: 'localFile' }>;

const ENDINGS = { auto: '', none: '', snappy: '', gzip: '.gz', zstd: '.zst' } as const;

/**
 * The parts of a live topic as files of one folder: `<topic>-<partition>-<first offset, 20 digits>.csv` (or as the format is called),
 * each with its manifest and dead letters beside it. Two processes on one folder keep off each other by the locks of files.
 */
export function localParts(
  job: JobDescription,
  output: LocalOutput,
  clock: Clock,
): Pick<PartsOptions, 'openPart' | 'publishedThrough'> {
  const { path, compression } = output;
  // As the identity of the job has it: `verify` reads each part by that.
  const format = outputFormat(output, path);
  // Parquet is packed within.
  const ending = `${endingOf(format)}${format === 'parquet' ? '' : ENDINGS[compression]}`;
  const keyOf = (split: string, from: number): string =>
    join(path, `${split.replace('/', '-')}-${String(from).padStart(20, '0')}.${ending}`);
  return {
    openPart(split, from): Sink {
      mkdirSync(path, { recursive: true });
      return createObjectSink({
        store: createFileStore(),
        key: keyOf(split, from),
        writer: outputWriter(job, { format, compression }, '', { clock }),
        overwrite: false,
      });
    },
    async publishedThrough(split, from) {
      const key = keyOf(split, from);
      // While the ledger stands there, the publication is not finished: opening the part finishes it.
      if (!existsSync(key) || existsSync(`${key}.ledger.json`)) return null;
      const manifest = await readManifest(`${key}.manifest.json`);
      return manifest === null ? null : throughOfPart(manifest, split, from);
    },
  };
}
