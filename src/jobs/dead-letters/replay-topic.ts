import { SluiceError } from '../../core/error.ts';
import type { MessageReader } from '../../core/message-format.ts';
import { StageMeter } from '../../core/stage-meter.ts';
import { createLetterReader } from '../../links/kafka/letters/letter-rows.ts';
import { admitLetters, firstPartition, letterAgain } from '../../links/kafka/letters/replayed-letters.ts';
import { hasLettersLeft } from '../../links/kafka/letters/topic-letters.ts';
import type { RowMessageSettings } from '../../links/kafka/live/writer-messages.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { deadLetterTopicOf } from '../description/topic-names.ts';
import { clusterOf, openCluster } from '../kafka/cluster.ts';
import { letterMarkOf } from '../kafka/letter-mark.ts';
import { isLive, messageReaders, type TopicOutput } from '../kafka/open-topics.ts';
import { type LiveRun, scoreTopics } from '../live/score-topics.ts';
import { isTransactional, openTopicReader, openTopicWriter } from '../live/topic-ends.ts';
import { ProgressTracker } from '../progress-tracker.ts';
import { letterKey, type ReplayOptions } from './replay-options.ts';
import { nothingIn, type ReplayReport } from './replay-report.ts';

/**
 * Scores the dead letters in a job's topic again, from where the last replay ended to the end of the topic as it is now, as a member of a
 * group of the job's own: a live job whose intake is that topic. Rows that are scored now go to the output topic as the job would have
 * written them; those that fail again become letters again, behind that end. With `delivery: exactlyOnce` rows, letters and the group's
 * offsets are of one transaction, under an ID for each partition of the letters: whatever dies, the next replay does what is left.
 */
export async function replayTopic(
  given: JobDescription,
  output: TopicOutput,
  options: ReplayOptions,
  signal: AbortSignal,
): Promise<ReplayReport> {
  const { clock } = options;
  const written = options.deployment ?? given.deployment.id;
  if (given.deployment.id !== written && !options.anyModel) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `--deployment: the job is of deployment ${written}; take ${given.deployment.id} with --allow-model-change`,
    );
  }
  // Who replays has seen how many are bad; and what a model of another name gives is asked for by name.
  const job: JobDescription = {
    ...given,
    abortOnError: false,
    deadLetters: { ...given.deadLetters, windowRows: null },
    ...(options.anyModel ? { onModelChange: 'record' } : {}),
  };
  const { job: mark, group } = letterMarkOf(job, written);
  const topic = deadLetterTopicOf(output);
  await using cluster = await openCluster(clusterOf(job), clock);
  const name = `topic ${output.topic}`;
  const nothing = nothingIn(name);
  // To join a group takes seconds.
  if (!(await hasLettersLeft({ client: cluster, topic, group }))) return nothing;
  const tracker = new ProgressTracker(clock, []);
  const run: LiveRun = {
    job,
    cluster,
    clock,
    meters: { score: new StageMeter('score', clock) },
    tracker,
    stop: new AbortController().signal,
    signal,
    onWait: () => undefined,
  };
  await scoreTopics(run, {
    openReader: (numbers) =>
      openTopicReader(run, numbers, {
        topics: [topic],
        readCommitted: true,
        group,
        start: 'earliest',
        until: 'end',
        messages: readersOf(job, options),
        admit: admitLetters(mark, (letter) => options.mended.get(letterKey(letter))),
        commitOffsets: !isTransactional(job),
      }),
    openWriter: (numbers, _format, events) =>
      openTopicWriter(run, output, numbers, events, {
        group,
        transactionalIdPrefix: `sluice-${group}`,
        ...placesOf(job, output),
        // The output that keeps failed rows has them already.
        keepFailed: false,
        letterRecord: letterAgain(mark),
        sourceOf: firstPartition,
      }),
    // Nobody keeps what a topic's rows were like.
    monitor: null,
  });
  const { read, scored, failed, skipped } = tracker.tally;
  return { ...nothing, letters: read, scored, failed: failed + skipped };
}

/** Where a row goes, and what goes with it: as its job has it, live or bounded. */
function placesOf(
  job: JobDescription,
  output: TopicOutput,
): { readonly mapping: RowMessageSettings; readonly partitioning: 'source' | 'key' } {
  const key = output.keyColumn === null ? null : { column: output.keyColumn };
  if (isLive(job)) {
    const mapping = { key: key ?? 'envelope', headers: 'keep', timestamp: 'keep' } as const;
    return { mapping, partitioning: output.partitioning };
  }
  return { mapping: { key: key ?? 'none', headers: 'drop', timestamp: 'now' }, partitioning: 'key' };
}

function readersOf(job: JobDescription, { clock }: ReplayOptions): () => MessageReader {
  const { intakeSettings: intake } = job;
  if (intake.type !== 'kafka' || intake.format === 'sluice') return () => createLetterReader(null);
  const inner = messageReaders(job, intake, clock);
  return () => createLetterReader(inner());
}
