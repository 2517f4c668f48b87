import { statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { createFileStore } from '../../connectors/file/file-store.ts';
import { keptLetterLine } from '../codecs/objects/dead-letter-line.ts';
import { createObjectSink } from '../codecs/objects/object-sink.ts';
import { createObjectSource } from '../codecs/objects/object-source.ts';
import { byteFormat, createStreamSink } from '../codecs/streams/stream-sink.ts';
import { createStreamSource } from '../codecs/streams/stream-source.ts';
import type { Clock } from '../core/clock.ts';
import { SluiceError } from '../core/error.ts';
import type { DeadLetter } from '../core/scored-batch.ts';
import type { Sink } from '../core/sink.ts';
import type { Source } from '../core/source.ts';
import type { KafkaClient } from '../links/kafka/client.ts';
import { openDatasetSource } from './catalog/open-dataset.ts';
import type { JobDescription } from './description/parse-job.ts';
import { intakeReaders, outputWriter } from './formats-of-job.ts';
import { openHttpSink, openHttpSource } from './http-endpoints.ts';
import { openReplay, openTopicSink } from './kafka/open-topics.ts';
import { isPartitioned, openPartitionedSink } from './partitioned-output.ts';
import { openS3Sink, openS3Source } from './s3-endpoints.ts';
import { openSqlSink, openSqlSource } from './sql-endpoints.ts';

/** What `-` in a job stands for. */
export interface StandardStreams {
  readonly input: AsyncIterable<Uint8Array>;
  readonly output: Writable;
}

/** What endpoints are opened with. */
export interface EndpointPorts {
  readonly streams: StandardStreams;
  /** Null for a job that needs none. */
  readonly cluster: KafkaClient | null;
  readonly clock: Clock;
  /** Replace an existing output, throw away an interrupted run. */
  readonly overwrite: boolean;
  /** Nothing is kept for a continuation: the intake is only looked at. */
  readonly keepsNothing?: true;
}

/** Standard input or output, by name. */
const STANDARD_STREAM = '-';

/** The source that `intakeSettings` describes: files, standard input, objects of S3, or topics that are read to an end. */
export function openSource(job: JobDescription, ports: EndpointPorts): Source {
  const { intakeSettings: intake } = job;
  if (intake.type === 'kafka') return openReplay(job, intake, clusterClient(ports), ports);
  if (intake.type === 's3') return openS3Source(job, intake, ports.clock);
  if (intake.type === 'jdbc') return openSqlSource(intake, ports.clock);
  if (intake.type === 'http') return openHttpSource(job, intake, ports.clock);
  if (intake.type === 'dataset') return openDatasetSource(job, intake, ports.clock);
  const { files, compression } = intake;
  const readers = intakeReaders(job, intake, ports);
  if (files[0] === STANDARD_STREAM) {
    return createStreamSource({
      name: 'standard input',
      input: ports.streams.input,
      readers,
      compression: compression === 'auto' ? 'none' : compression,
    });
  }
  return createObjectSource({ store: createFileStore(), patterns: files, readers, compression });
}

/** The sink that `outputSettings` describes. */
export function openSink(job: JobDescription, ports: EndpointPorts): Sink {
  const { outputSettings: output } = job;
  if (output.type === 'kafka') return openTopicSink(job, output, clusterClient(ports), ports);
  if (output.type === 's3') return openS3Sink(job, output, ports);
  if (output.type === 'jdbc') return openSqlSink(job, output, ports);
  if (output.type === 'http') return openHttpSink(job, output, ports);
  const deadLetterPath = job.deadLetters.path;
  const { path } = output;
  if (isPartitioned(output)) {
    const open = (letters: 'named' | 'usual') =>
      createFileStore({ deadLetterPath: letters === 'named' ? deadLetterPath : null });
    return openPartitionedSink(output, path, open, ports);
  }
  const writer = outputWriter(job, output, path, ports);
  if (path === STANDARD_STREAM) {
    return createStreamSink({
      name: 'standard output',
      output: ports.streams.output,
      format: byteFormat(writer),
      ...(deadLetterPath === null ? {} : { onDeadLetters: appendTo(deadLetterPath) }),
    });
  }
  const store = createFileStore({ deadLetterPath });
  return createObjectSink({ store, key: path, writer, overwrite: ports.overwrite });
}

/** Where a job reads, for people. */
export function intakeName({ intakeSettings: intake }: JobDescription): string {
  if (intake.type === 'kafka') {
    const { topic, topics, topicPattern } = intake;
    return topicPattern === undefined ? `topic ${(topics ?? [topic]).join(', ')}` : `topics ${topicPattern}`;
  }
  if (intake.type === 'http') return intake.name;
  if (intake.type === 'dataset') return `dataset ${intake.datasetId}`;
  if (intake.type === 'jdbc') return intake.table === null ? 'the query' : `table ${intake.table}`;
  return intake.type === 's3' ? intake.url : intake.files.join(', ');
}

/** Where a job writes, for people. */
export function outputName({ outputSettings: output }: JobDescription): string {
  if (output.type === 'kafka') return `topic ${output.topic}`;
  if (output.type === 'http') return output.name;
  if (output.type === 'jdbc') return `table ${output.schema === null ? '' : `${output.schema}.`}${output.table}`;
  return output.type === 's3' ? output.url : output.path;
}

function clusterClient({ cluster }: EndpointPorts): KafkaClient {
  if (cluster !== null) return cluster;
  throw new SluiceError('CONTRACT_BROKEN', 'a topic was asked for without a cluster');
}

/**
 * An output, or its dead letters, must not be a file or object that is read, under whatever name: it would be replaced.
 * @param objects names of what is read.
 */
export function assertOutputIsNoIntake(job: JobDescription, objects: readonly string[]): void {
  const { outputSettings: output } = job;
  const written = {
    'outputSettings.url': output.type === 's3' ? output.url : null,
    'deadLetters.path': job.deadLetters.path,
  };
  if (output.type === 'http' && objects.includes(output.name) && output.method === 'PUT')
    throw new SluiceError(
      'CONFIG_INVALID',
      `outputSettings.url: ${output.name} is the intake; write to another address`,
    );
  for (const [field, url] of Object.entries(written)) {
    if (url?.startsWith('s3://') && objects.includes(url))
      throw new SluiceError('CONFIG_INVALID', `${field}: ${url} is an object of the intake; write to another one`);
  }
  const files = [
    { field: 'outputSettings.path', path: output.type === 'localFile' ? output.path : null },
    { field: 'deadLetters.path', path: job.deadLetters.path },
  ];
  for (const { field, path } of files) {
    const target = path === null || path === STANDARD_STREAM ? undefined : fileAt(path);
    if (target === undefined) continue;
    const clash = objects.find((object) => fileAt(object) === target);
    if (clash !== undefined) {
      throw new SluiceError(
        'CONFIG_INVALID',
        `${field}: ${path} is ${clash}, a file of the intake; write to another one`,
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
  return (letters) => appendFile(path, letters.map((letter) => keptLetterLine({ ...letter, output: null })).join(''));
}
