import { join } from 'node:path';
import { createFileStore } from '../../../connectors/file/file-store.ts';
import { createTableLetters } from '../../../connectors/sql/table-letters.ts';
import type { ObjectWriter } from '../../codecs/object-format.ts';
import { objectLetters } from '../../codecs/objects/object-letters.ts';
import { readManifest } from '../../codecs/objects/read-manifest.ts';
import type { FolderExchangeOptions } from '../../codecs/partitions/folder-exchange.ts';
import { folderLetters } from '../../codecs/partitions/folder-letters.ts';
import { WHOLE_MARK } from '../../codecs/partitions/folder-mark.ts';
import type { Clock } from '../../core/clock.ts';
import type { DeadLetterReader } from '../../core/dead-letters.ts';
import { findSluiceError, SluiceError } from '../../core/error.ts';
import type { ObjectStore, OutputLookup } from '../../core/object-store.ts';
import { topicLetters } from '../../links/kafka/letters/topic-letters.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { deadLetterTopicOf } from '../description/topic-names.ts';
import { outputFormat, outputWriter } from '../formats-of-job.ts';
import { clusterOf, openCluster } from '../kafka/cluster.ts';
import { letterMarkOf } from '../kafka/letter-mark.ts';
import { isLive } from '../kafka/open-topics.ts';
import { dividingSettings, isPartitioned } from '../partitioned-output.ts';
import { openS3Store } from '../s3-endpoints.ts';
import { sqlAccess, sqlOutput } from '../sql-endpoints.ts';
import type { ReplayedObject } from './replay-object.ts';

type StoreOutput = Extract<JobDescription['outputSettings'], { readonly type: 'localFile' | 's3' }>;

/** What keeps the dead letters of a job; each of the parts of a live topic is an output of its own. */
export interface LetterBoxes extends AsyncDisposable {
  readonly readers: readonly DeadLetterReader[];
}

/**
 * Finds the dead letters of a job's output, whatever its type; in a topic those that no replay has dealt with.
 * @param deployment that the job had when it wrote them, where it has another one now.
 * Throws CONFIG_INVALID for one that keeps none.
 */
export async function openLetterBoxes(
  job: JobDescription,
  clock: Clock,
  signal: AbortSignal,
  deployment?: string,
): Promise<LetterBoxes> {
  const { outputSettings: output } = job;
  if (output.type === 'kafka') {
    const cluster = await openCluster(clusterOf(job), clock);
    const mark = letterMarkOf(job, deployment);
    const readers = [topicLetters({ client: cluster, topic: deadLetterTopicOf(output), ...mark })];
    return { readers, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
  }
  if (output.type === 'jdbc') {
    const readers = [createTableLetters(sqlAccess(output), sqlOutput(job, output, { overwrite: false, part: null }))];
    return { readers, [Symbol.asyncDispose]: async () => undefined };
  }
  const { store, keys } = await objectsOf(job, clock, signal);
  const lettersOf = isPartitioned(output) ? folderLetters : objectLetters;
  return {
    readers: keys.map((key) => lettersOf(store, key)),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** The objects that a job has written, as a replay takes them. Throws CONFIG_INVALID for outputs that cannot be written anew. */
export async function replayedObjects(
  job: JobDescription,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly store: AsyncDisposable; readonly objects: readonly ReplayedObject[] }> {
  const { store, keys } = await objectsOf(job, clock, signal);
  return { store, objects: keys.map((key) => ({ store, key, writer: () => writerOf(job, key, clock) })) };
}

/** The folder that is divided by columns of a job's output, as a replay takes it. Its store is to be disposed of. */
export function replayedFolder(job: JobDescription, clock: Clock): FolderExchangeOptions {
  const output = storeOutput(job);
  const { store, place: prefix } = placeOf(output, job, clock);
  return { store, prefix, ...dividingSettings(output), clock };
}

function writerOf(job: JobDescription, key: string, clock: Clock): ObjectWriter {
  const output = storeOutput(job);
  const place = output.type === 's3' ? output.url : output.path;
  return outputWriter(job, { ...output, format: outputFormat(output, isLive(job) ? place : key) }, key, { clock });
}

async function objectsOf(
  job: JobDescription,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly store: ObjectStore & OutputLookup; readonly keys: readonly string[] }> {
  const output = storeOutput(job);
  const { store, place } = placeOf(output, job, clock);
  if (isPartitioned(output))
    return { store, keys: [output.type === 's3' ? `${place}${WHOLE_MARK}` : join(place, WHOLE_MARK)] };
  if (!isLive(job)) return { store, keys: [place] };
  try {
    const keys: string[] = [];
    for (const { key } of await store.list(place, signal)) if (await isPart(store, key, signal)) keys.push(key);
    return { store, keys };
  } catch (error) {
    await store[Symbol.asyncDispose]();
    if (findSluiceError(error)?.code !== 'INTAKE_NOT_FOUND') throw error;
    throw new SluiceError('INTAKE_NOT_FOUND', `There is no finished part in ${place} yet.`, { cause: error });
  }
}

function placeOf(output: StoreOutput, { deadLetters: { path: letters } }: JobDescription, clock: Clock) {
  return output.type === 's3'
    ? { store: openS3Store(output, letters, clock), place: output.url }
    : { store: createFileStore({ deadLetterPath: letters }), place: output.path };
}

/** Whether an object is a finished part of a live topic: other things may lie beside them. */
async function isPart(store: ObjectStore & OutputLookup, key: string, signal: AbortSignal): Promise<boolean> {
  const { manifest } = await store.look(key, signal);
  try {
    const found = await readManifest(store, manifest, signal);
    return typeof found?.job['split'] === 'string';
  } catch (error) {
    if (findSluiceError(error)?.code === 'INTAKE_NOT_FOUND') return false;
    throw error;
  }
}

function storeOutput({ outputSettings: output, deadLetters }: JobDescription): StoreOutput {
  if (output.type === 'localFile' && output.path !== '-') return output;
  if (output.type === 's3') return output;
  const what = output.type === 'localFile' ? 'standard output' : 'a server behind an address';
  const where =
    deadLetters.path === null
      ? 'Name a file for them in deadLetters.path'
      : `They are in ${deadLetters.path}, a line of JSON each: \`jq -r .bytes\` gives the rows as CSV, without a line of columns, for a job of their own`;
  throw new SluiceError(
    'CONFIG_INVALID',
    `outputSettings: ${what} does not give back what it has, so its dead letters cannot be found by the output, nor the output be completed. ${where}.`,
  );
}
