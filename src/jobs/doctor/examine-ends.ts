import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createFileStore } from '../../../connectors/file/file-store.ts';
import { SluiceError } from '../../core/error.ts';
import type { Sink } from '../../core/sink.ts';
import type { Source } from '../../core/source.ts';
import type { KafkaClient } from '../../links/kafka/client.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { deadLetterTopicOf } from '../description/topic-names.ts';
import { boundedIntake } from '../kafka/bounded-intake.ts';
import { isLive } from '../kafka/open-topics.ts';
import { type EndpointPorts, intakeName, openSink, openSource, outputName } from '../open-endpoints.ts';
import { isPartitioned } from '../partitioned-output.ts';
import type { ExamineOptions } from './examine-options.ts';
import { type Finding, skipped } from './finding.ts';
import { looked } from './looking.ts';

/** Whether the intake can be read. */
export async function examineIntake(
  job: JobDescription,
  cluster: KafkaClient | null,
  options: ExamineOptions,
): Promise<readonly Finding[]> {
  const name = intakeName(job);
  if (name === '-') return [skipped('intake', 'standard input comes only once, and is not looked at')];
  const look = async (signal: AbortSignal): Promise<string> => {
    await using source: Source = openSource(await boundedIntake(job, cluster), ports(cluster, options));
    await source.check(signal);
    return `${name} can be read`;
  };
  return [await looked('intake', look, options)];
}

/** Whether the output, and the place of its dead letters, can be written. */
export async function examineOutput(
  job: JobDescription,
  cluster: KafkaClient | null,
  options: ExamineOptions,
): Promise<readonly Finding[]> {
  const name = outputName(job);
  const output = looked(
    'output',
    async (signal) => {
      const { outputSettings: settings } = job;
      if (settings.type === 'localFile' && (isLive(job) || (isPartitioned(settings) && !existsSync(settings.path))))
        return await checkParts(settings.path, signal);
      await using sink: Sink = openSink(onePart(job), ports(cluster, options));
      await sink.check(signal);
      return `${name} can be written${sink.guarantee === 'none' ? ', but not continued after a crash' : `, ${sink.guarantee}`}`;
    },
    options,
  );
  return [await output, await looked('dead letters', (signal) => checkDeadLetters(job, cluster, signal), options)];
}

/** The folder of the parts of a live topic or an output that is divided, or the nearest one above it that is there: folders are made. */
async function checkParts(path: string, signal: AbortSignal): Promise<string> {
  let folder = resolve(path);
  while (!existsSync(folder)) folder = dirname(folder);
  if (!statSync(folder).isDirectory())
    throw new SluiceError(
      'OUTPUT_UNWRITABLE',
      `${folder} is no folder; the parts of the output need one. Correct outputSettings.path.`,
    );
  await createFileStore().checkOutput?.(join(folder, 'part.csv'), { overwrite: true }, signal);
  return `parts go to the folder ${path}`;
}

async function checkDeadLetters(
  job: JobDescription,
  cluster: KafkaClient | null,
  signal: AbortSignal,
): Promise<string> {
  const { outputSettings: output, deadLetters } = job;
  if (output.type === 'kafka' && cluster !== null) {
    const topic = deadLetterTopicOf(output);
    const partitions = await cluster.topics.partitions(topic);
    return partitions === null ? `topic ${topic} will be made` : `topic ${topic}, ${partitions} partitions`;
  }
  const { path } = deadLetters;
  if (output.type === 'jdbc') return 'go to the table sluice_dead_letters, beside the output';
  if (path === null) {
    const name = outputName(job);
    return name === '-' ? 'are counted only; deadLetters.path keeps them' : `go beside the output`;
  }
  if (path.startsWith('s3://')) return `go to ${path}`;
  await createFileStore().checkOutput?.(path, { overwrite: true }, signal);
  return `go to ${path}`;
}

/** A live topic into S3 as a job with one of its parts for an output: under the prefix itself nothing is written. */
function onePart(job: JobDescription): JobDescription {
  const { outputSettings: output } = job;
  if (output.type !== 's3' || !isLive(job)) return job;
  return { ...job, outputSettings: { ...output, url: `${output.url}part.csv` } };
}

function ports(cluster: KafkaClient | null, { clock, overwrite }: ExamineOptions): EndpointPorts {
  return { streams: { input: process.stdin, output: process.stdout }, cluster, clock, overwrite, keepsNothing: true };
}
