import { expect, test } from 'vitest';
import { StageMeter } from '../../src/core/stage-meter.ts';
import { JobLinks } from '../../src/jobs/kafka/job-links.ts';
import { ingestPlace } from '../../src/jobs/pipeline.ts';
import { jobTopicSettings, jobTopics } from '../../src/links/kafka/job/job-topics.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../src/scoring/output/output-settings.ts';
import { ingest } from '../../src/stages/ingest.ts';
import { OutputFormatSlot } from '../../src/stages/output-format-slot.ts';
import { score } from '../../src/stages/score.ts';
import { arithmeticScorer } from '../support/arithmetic-scorer.ts';
import { memoryJob } from '../support/memory-kafka/memory-job.ts';
import { tickingKafka } from '../support/memory-kafka/ticking.ts';
import { memorySource } from '../support/memory-source.ts';

const never = new AbortController().signal;
const { kafka: settings } = memoryJob({ sessionSeconds: 4 });

// Seen when a broker was killed while a run committed for the last time in a partition: it was a member no more when the broker came
// back, and the whole run ended with KAFKA_FENCED, although the partition was another member's to finish.
test('a score stage that loses a partition during its last commit goes on with what it is given next', async () => {
  using world = tickingKafka();
  const { kafka, clock } = world;
  const client = kafka.client();
  const { rows: topic, scored: scoredTopic } = jobTopics('tested');
  for (const name of [topic, scoredTopic]) await client.topics.create(jobTopicSettings(name, 1, 1));
  const links = new JobLinks(client, settings, clock, { name: 'tested', partitions: 1, epoch: '1' });
  const meter = (stage: StageMeter['stage']): StageMeter => new StageMeter(stage, clock);
  const source = memorySource([10]);
  await ingest(
    {
      source,
      splits: await source.splits(never),
      link: await links.rowsWriter(never),
      partitions: 1,
      limits: { rows: 2, bytes: 1_000_000, lingerMs: 0 },
      meter: meter('ingest'),
      from: ingestPlace(null),
      stop: never,
    },
    never,
  );
  const { reader, consumer } = await links.rowsReader(never);
  const scored = await links.scoredWriter(never);
  let ends = 0;
  const again = Promise.withResolvers<void>();
  const scoring = score(
    {
      rows: reader,
      scored: {
        ...scored,
        end: async (partition, signal) => {
          await scored.end(partition, signal);
          ends += 1;
          if (ends > 1) return again.resolve();
          // Nothing goes on in this process for two sessions: the commit that comes now finds the partition lost.
          kafka.freeze(client);
          void clock.sleep(8_000, never).then(() => kafka.thaw(client));
        },
      },
      scorer: arithmeticScorer(),
      format: new OutputFormatSlot((intake) => createOutputFormat(defaultOutputSettings, intake)),
      meter: meter('score'),
    },
    never,
  );
  await Promise.race([again.promise, scoring]);
  expect(ends).toBe(2);
  await consumer.close();
  await scoring;
});
