import { describe, expect, test } from 'vitest';
import { resolveJob } from '../../../src/jobs/description/parse-job.ts';
import { openReplay, type TopicIntake } from '../../../src/jobs/kafka/open-topics.ts';
import { arithmeticScorer } from '../../support/arithmetic-scorer.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { createMemoryKafka, type MemoryKafka } from '../../support/memory-kafka/memory-kafka.ts';
import { MemoryStorage, memorySink } from '../../support/memory-sink.ts';
import { runParts } from '../../support/pipeline-runs.ts';

const never = new AbortController().signal;

/** A cluster with these messages in a topic `t` of one partition. */
async function cluster(rows: readonly object[]): Promise<MemoryKafka> {
  const clock = new ManualClock();
  clock.autoAdvance();
  const kafka = createMemoryKafka({ clock });
  kafka.createTopic('t', 1);
  const producer = await kafka.client().producer({ compression: 'none' }, never);
  const records = rows.map((row) => ({ key: null, value: Buffer.from(JSON.stringify(row)), headers: [] }));
  await producer.send([{ topic: 't', partition: 0, records }], never);
  return kafka;
}

function replayOf(kafka: MemoryKafka, intake: Partial<TopicIntake>) {
  const job = resolveJob({
    deployment: { id: 'd', server: 'http://h' },
    kafka: { brokers: 'memory:1' },
    intakeSettings: { type: 'kafka', topic: 't', until: 'end', ...intake },
    outputSettings: { path: 'out.csv' },
  });
  const ports = { clock: kafka.clock, overwrite: false, keepsNothing: true } as const;
  return openReplay(job, job.intakeSettings as TopicIntake, kafka.client(), ports);
}

describe('a replay', () => {
  test('until a time that is yet to come is refused: it would end with the messages of now', async () => {
    const kafka = await cluster([{ id: 1 }]);
    const at = (ms: number): string => new Date(kafka.clock.wall() + ms).toISOString();
    expect(() => replayOf(kafka, { until: at(60_000) })).toThrow(/intakeSettings\.until: \d{4}-.*Z is yet to come/);
    const passed = replayOf(kafka, { until: at(-1_000) });
    expect(await passed.identity(never)).toMatchObject([{ from: 0 }]);
  });

  test('whose messages bring a column on the way names it, its offset and what to do', async () => {
    const rows = Array.from({ length: 150 }, (_, id) => (id < 120 ? { id } : { id, late: 'x' }));
    const kafka = await cluster(rows);
    const run = async (columns: readonly string[] | null): Promise<MemoryStorage> => {
      const storage = new MemoryStorage();
      const source = replayOf(kafka, { columns });
      await runParts({ source, sink: memorySink(storage), scorer: arithmeticScorer(), partitions: 1, batchRows: 10 });
      return storage;
    };
    await expect(run(null)).rejects.toMatchObject({
      code: 'MESSAGE_SCHEMA',
      message: expect.stringMatching(
        /t\/0: the message at offset 120 brings the column late, .* had id; .*intakeSettings\.columns/,
      ),
    });
    expect((await run(['id', 'late'])).ledger?.tally.scored).toBe(150);
  });
});
