import { findSluiceError, messageOf, SluiceError } from '../../core/error.ts';
import type { LinkWriter } from '../../core/link.ts';
import type { ScoredBatch } from '../../core/scored-batch.ts';
import type { PartitionNumbers } from '../../links/kafka/live/topic-partition-numbers.ts';
import type { TopicReader } from '../../links/kafka/live/topic-reader.ts';
import { deadLetterRecord } from '../../links/kafka/live/writer-dead-letters.ts';
import type { OutputFormatSlot } from '../../stages/output-format-slot.ts';
import { createPartsWriter } from '../../stages/parts-writer.ts';
import { commitPolicyOf } from '../commit-policy.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { topicsOf } from '../description/topic-names.ts';
import { jobIdentity } from '../job-identity.ts';
import { letterMarkOf } from '../kafka/letter-mark.ts';
import { messageReaders, startOf, type TopicIntake } from '../kafka/open-topics.ts';
import { monitorOf } from '../monitoring/monitor-of-job.ts';
import { liveParts } from './live-parts.ts';
import { type LiveRun, scoreTopics, splitOf, type WriterEvents } from './score-topics.ts';
import { sqlParts } from './sql-parts.ts';
import { isTransactional, openTopicReader, openTopicWriter } from './topic-ends.ts';

/** Before a process that was fenced joins again, in milliseconds. */
const AGAIN_MS = 1_000;

/**
 * Scores a topic for ever: this process is one of any number in the group. Ends with JOB_INTERRUPTED when it is stopped (what was
 * read is scored, written and committed), and with its error when something fails that waiting does not mend.
 */
export async function runLive(run: LiveRun): Promise<never> {
  for (;;) {
    try {
      await scoreUntilStopped(run);
    } catch (error) {
      // A broker that comes back may let an older producer of ours have the last word: the group hands the partitions out anew.
      const fenced = findSluiceError(error)?.code === 'KAFKA_FENCED';
      if (!fenced || run.stop.aborted || run.signal.aborted) throw error;
      run.tracker.enter('running', `begins again: ${messageOf(error)}`);
      await run.clock.sleep(AGAIN_MS, run.signal);
    }
  }
}

async function scoreUntilStopped(run: LiveRun): Promise<never> {
  const { job, tracker } = run;
  const late = await scoreTopics(run, {
    openReader: (numbers) => openReader(run, numbers),
    openWriter: (numbers, format, events) => openWriter(run, numbers, format, events),
    // Parts of a live topic have no log of predictions.
    monitor: monitorOf({ ...job, predictionLog: null }),
  });
  const left =
    late.length === 0
      ? ', all of them scored and committed'
      : `; what was read of ${late.join(', ')} could not be written in time (kafka.sessionSeconds), and is read again`;
  throw new SluiceError(
    'JOB_INTERRUPTED',
    `stopped after ${tracker.tally.read} messages${left}; run the same job again to continue`,
  );
}

function openReader(run: LiveRun, numbers: PartitionNumbers): TopicReader {
  const { job } = run;
  const intake = topicIntake(job);
  const { group } = intake;
  if (group === null) throw new SluiceError('CONFIG_INVALID', 'intakeSettings.group is needed by a job without an end');
  return openTopicReader(run, numbers, {
    topics: topicsOf(intake),
    readCommitted: intake.readCommitted,
    group,
    start: startOf(intake),
    until: null,
    messages: messageReaders(job, intake, run.clock),
    commitOffsets: !isTransactional(job),
  });
}

/** The scored link: the output topic, or parts that are files, objects or rows of a table. */
async function openWriter(
  run: LiveRun,
  numbers: PartitionNumbers,
  format: OutputFormatSlot,
  events: WriterEvents,
): Promise<LinkWriter<ScoredBatch> & AsyncDisposable> {
  const { job, clock, tracker } = run;
  const { outputSettings: output } = job;
  const intake = topicIntake(job);
  const nameOf = (partition: number): string => splitOf(numbers.partitionOf(partition));
  if (output.type === 'localFile' || output.type === 's3' || output.type === 'jdbc') {
    const parts = output.type === 'jdbc' ? sqlParts(job, output, clock) : liveParts(job, output, clock);
    const { rows, bytes, seconds } = output.roll;
    const writer = createPartsWriter({
      openPart: parts.openPart,
      publishedJob: parts.publishedJob,
      splitOf: nameOf,
      job: jobIdentity(job, { group: intake.group }),
      format,
      roll: { rows, bytes, ms: 1000 * seconds },
      commits: commitPolicyOf(job),
      clock,
      onPublished: ({ split, through }) => events.onDurable(split, through),
      onFailure: (partition, error) => events.onFailure(nameOf(partition), error),
      onWait: ({ split, reason }) => tracker.enter('running', `${split} waits: ${reason}`),
    });
    return { ...writer, [Symbol.asyncDispose]: () => parts[Symbol.asyncDispose]() };
  }
  if (output.type !== 'kafka')
    throw new SluiceError('CONTRACT_BROKEN', `a live topic cannot be written to an output of type ${output.type}`);
  return await openTopicWriter(run, output, numbers, events, {
    group: intake.group ?? '',
    transactionalIdPrefix: `sluice-${intake.group ?? ''}`,
    mapping: {
      key: output.keyColumn === null ? 'envelope' : { column: output.keyColumn },
      headers: 'keep',
      timestamp: 'keep',
    },
    partitioning: output.partitioning,
    keepFailed: output.keepFailed,
    letterRecord: (letter) => deadLetterRecord(letter, { job: letterMarkOf(job).job }),
  });
}

function topicIntake({ intakeSettings: intake }: JobDescription): TopicIntake {
  if (intake.type === 'kafka') return intake;
  throw new SluiceError('CONTRACT_BROKEN', 'a live job reads topics');
}
