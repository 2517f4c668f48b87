import { statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { compressionOf } from '../codecs/compression.ts';
import { deadLetterLine } from '../codecs/objects/dead-letter-line.ts';
import { createObjectSink } from '../codecs/objects/object-sink.ts';
import { createObjectSource } from '../codecs/objects/object-source.ts';
import { byteFormat, createStreamSink } from '../codecs/streams/stream-sink.ts';
import { createStreamSource } from '../codecs/streams/stream-source.ts';
import type { Codec } from '../core/codec.ts';
import { SluiceError } from '../core/error.ts';
import type { DeadLetter } from '../core/scored-batch.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { JobDescription } from './description/parse-job.ts';

/** What `-` in a job stands for. */
export interface StandardStreams {
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: Writable;
}

/** Standard input or output, by name. */
const STANDARD_STREAM = '-';

/** The source that `intakeSettings` describes. */
export function openSource(job: JobDescription, codec: Codec, streams: StandardStreams): Source {
  const { files, compression } = job.intakeSettings;
  if (files[0] === STANDARD_STREAM) {
    return createStreamSource({
      name: 'standard input',
      input: streams.input,
      codec,
      compression: compression === 'auto' ? 'none' : compression,
    });
  }
  return createObjectSource({ store: createFileStore(), patterns: files, codec, compression });
}

/** The sink that `outputSettings` describes. */
export function openSink(job: JobDescription, codec: Codec, streams: StandardStreams, overwrite: boolean): Sink {
  const { path, compression: wanted } = job.outputSettings;
  const compression = wanted === 'auto' ? compressionOf(path) : wanted;
  const deadLetterPath = job.deadLetters.path;
  if (path === STANDARD_STREAM) {
    return createStreamSink({
      name: 'standard output',
      output: streams.output,
      format: byteFormat(codec, compression),
      ...(deadLetterPath === null ? {} : { onDeadLetters: appendTo(deadLetterPath) }),
    });
  }
  return createObjectSink({ store: createFileStore({ deadLetterPath }), key: path, codec, compression, overwrite });
}

/** An output, or its dead letters, must not be a file that is read, under whatever name: it would be replaced. */
export function assertOutputIsNoIntake(job: JobDescription, splits: readonly { readonly id: string }[]): void {
  const written = [
    { field: 'outputSettings.path', path: job.outputSettings.path },
    { field: 'deadLetters.path', path: job.deadLetters.path },
  ];
  for (const { field, path } of written) {
    const target = path === null || path === STANDARD_STREAM ? undefined : fileAt(path);
    if (target === undefined) continue;
    const clash = splits.find(({ id }) => fileAt(id) === target);
    if (clash !== undefined) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `${field}: ${path} is ${clash.id}, a file of the intake; write to another one`,
      );
    }
  }
}

/** What tells one file from another, links followed; undefined when there is none. */
function fileAt(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

function appendTo(path: string): (letters: readonly DeadLetter[]) => Promise<void> {
  return (letters) => appendFile(path, letters.map(deadLetterLine).join(''));
}
