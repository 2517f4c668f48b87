import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createFileStore } from '../../../connectors/file/file-store.ts';
import { endingOf } from '../../codecs/formats.ts';
import { createObjectSink } from '../../codecs/objects/object-sink.ts';
import { readManifest } from '../../codecs/objects/read-manifest.ts';
import type { Clock } from '../../core/clock.ts';
import type { ObjectStore, OutputLookup } from '../../core/object-store.ts';
import type { Sink } from '../../core/sink.ts';
import type { PartsOptions } from '../../stages/parts-options.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { outputFormat, outputWriter } from '../formats-of-job.ts';
import { openS3Store } from '../s3-endpoints.ts';

type StoreOutput = Extract<JobDescription['outputSettings'], { readonly type: 'localFile' | 's3' }>;

const ENDINGS = { auto: '', none: '', snappy: '', gzip: '.gz', zstd: '.zst' } as const;

/** Where the parts of a live topic go. Dispose of it when the last part is closed. */
export interface LiveParts extends Pick<PartsOptions, 'openPart' | 'publishedJob'>, AsyncDisposable {}

/**
 * The parts of a live topic as files of one folder, or objects under one prefix: `<topic>-<partition>-<first offset, 20 digits>.csv` (or as the
 * format is called), each with its manifest and dead letters beside it. Two processes keep off each other by what the store
 * has for it: locks, or ledgers that are written under conditions.
 */
export function liveParts(job: JobDescription, output: StoreOutput, clock: Clock): LiveParts {
  const { compression } = output;
  // As the identity of the job has it: `verify` reads each part by that.
  const format = outputFormat(output, output.type === 's3' ? output.url : output.path);
  // Parquet is packed within.
  const ending = `${endingOf(format)}${format === 'parquet' ? '' : ENDINGS[compression]}`;
  const { store, place } = openPlace(output, clock);
  const keyOf = (split: string, from: number): string =>
    place(`${split.replace('/', '-')}-${String(from).padStart(20, '0')}.${ending}`);
  return {
    openPart: (split, from): Sink =>
      createObjectSink({
        store,
        key: keyOf(split, from),
        writer: outputWriter(job, { format, compression }, '', { clock }),
        overwrite: false,
      }),
    async publishedJob(split, from, signal) {
      const { isThere, run, manifest } = await store.look(keyOf(split, from), signal);
      // While its ledger stands there, the publication is not finished: opening the part finishes it.
      if (!isThere || run !== null) return null;
      return (await readManifest(store, manifest, signal))?.job ?? null;
    },
    [Symbol.asyncDispose]: async () => store[Symbol.asyncDispose](),
  };
}

interface PartsPlace {
  readonly store: ObjectStore & OutputLookup;
  /** The key of a part by its name. */
  readonly place: (name: string) => string;
}

function openPlace(output: StoreOutput, clock: Clock): PartsPlace {
  if (output.type === 's3') return { store: openS3Store(output, null, clock), place: (name) => `${output.url}${name}` };
  const { path } = output;
  return {
    store: createFileStore(),
    place: (name) => {
      mkdirSync(path, { recursive: true });
      return join(path, name);
    },
  };
}
