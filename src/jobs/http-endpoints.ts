import { readFileSync } from 'node:fs';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { defaultHttpSettings, type HttpSettings } from '../../connectors/http/http-settings.ts';
import { createHttpStore } from '../../connectors/http/http-store.ts';
import { type Compression, compressionOf } from '../codecs/compression.ts';
import type { FormatName } from '../codecs/object-format.ts';
import { createObjectSink } from '../codecs/objects/object-sink.ts';
import { createObjectSource } from '../codecs/objects/object-source.ts';
import type { Clock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { JobDescription } from './description/parse-job.ts';
import { intakeReaders, outputFormat, outputWriter } from './formats-of-job.ts';

type HttpIntake = Extract<JobDescription['intakeSettings'], { readonly type: 'http' }>;
type HttpOutput = Extract<JobDescription['outputSettings'], { readonly type: 'http' }>;

/** The source of an intake behind an address. */
export function openHttpSource(job: Pick<JobDescription, 'csvSettings'>, intake: HttpIntake, clock: Clock): Source {
  const { url, method, body, name } = intake;
  const compression = intake.compression === 'auto' ? compressionOf(name) : intake.compression;
  const query = { method, body, packed: compression !== 'none' };
  const store = createHttpStore({ settings: accessOf(intake, 'intakeSettings'), query, clock });
  const readers = intakeReaders(job, intake, { clock });
  return createObjectSource({ store, patterns: [url.reveal()], readers, compression });
}

/** The sink of an output that is sent to an address. It may arrive twice, when the answer to it was lost. */
export function openHttpSink(
  job: JobDescription,
  output: HttpOutput,
  { clock, overwrite }: { readonly clock: Clock; readonly overwrite: boolean },
): Sink {
  const { url, name, method, chunked, spool, answerSeconds } = output;
  if (spool === null) throw new SluiceError('CONTRACT_BROKEN', 'an output was to be sent that is kept nowhere');
  const format = outputFormat(output, name);
  const packed = output.compression === 'auto' ? compressionOf(name) : output.compression;
  const store = createHttpStore({
    settings: { ...accessOf(output, 'outputSettings'), answerMs: 1000 * answerSeconds },
    upload: {
      method,
      chunked,
      contentType: (format === 'parquet' ? undefined : PACKED_TYPES[packed]) ?? CONTENT_TYPES[format],
      spool: { store: createFileStore({ deadLetterPath: job.deadLetters.path }), path: spool },
    },
    clock,
  });
  const writer = outputWriter(job, output, name, { clock });
  const sink = createObjectSink({ store, key: url.reveal(), writer, overwrite });
  const close = async (): Promise<void> => {
    await sink.close();
    await store[Symbol.asyncDispose]();
  };
  return { ...sink, guarantee: 'at-least-once', close, [Symbol.asyncDispose]: close };
}

const CONTENT_TYPES: Readonly<Record<FormatName, string>> = {
  csv: 'text/csv',
  jsonl: 'application/jsonl',
  json: 'application/json',
  avro: 'application/vnd.apache.avro',
  parquet: 'application/vnd.apache.parquet',
};

const PACKED_TYPES: Readonly<Partial<Record<Compression | 'snappy', string>>> = {
  gzip: 'application/gzip',
  zstd: 'application/zstd',
};

function accessOf(given: HttpIntake | HttpOutput, place: string): HttpSettings {
  const { token, headers, allowedHosts, caFile, retrySeconds, silenceSeconds, guard } = given;
  return {
    ...defaultHttpSettings,
    token: token?.reveal() ?? null,
    headers: Object.fromEntries(headers.map(({ name, value }) => [name, value.reveal()])),
    allowedHosts,
    ca: caFile === null ? null : certificates(caFile, place),
    retryMs: 1000 * retrySeconds,
    connectMs: Math.min(defaultHttpSettings.connectMs, 1000 * retrySeconds),
    silenceMs: 1000 * silenceSeconds,
    guard: guard ?? null,
  };
}

function certificates(path: string, place: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SluiceError('CONFIG_UNREADABLE', `${place}.caFile names ${path}, which cannot be read.`, {
      cause: error,
    });
  }
}
