import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMessageReader, createMessageWriter } from '../../../../src/codecs/messages/message-formats.ts';
import type { Envelope } from '../../../../src/core/envelope.ts';
import { findSluiceError, SluiceError } from '../../../../src/core/error.ts';
import { StageMeter } from '../../../../src/core/stage-meter.ts';
import type { KafkaClient } from '../../../../src/links/kafka/client.ts';
import { PartitionNumbers } from '../../../../src/links/kafka/live/topic-partition-numbers.ts';
import { createTopicReader } from '../../../../src/links/kafka/live/topic-reader.ts';
import { createPlainWriter } from '../../../../src/links/kafka/live/writer-at-least-once.ts';
import { createTransactionalWriter } from '../../../../src/links/kafka/live/writer-exactly-once.ts';
import type { TopicWriterOptions } from '../../../../src/links/kafka/live/writer-link.ts';
import { createOutputFormat } from '../../../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../../../src/scoring/output/output-settings.ts';
import { OutputFormatSlot } from '../../../../src/stages/output-format-slot.ts';
import { score } from '../../../../src/stages/score.ts';
import { textRecord, texts } from '../../../integration/kafka-clients/client-harness.ts';
import { arithmeticScorer } from '../../../support/arithmetic-scorer.ts';
import { seededRandom } from '../../../support/memory-kafka/seeded-random.ts';
import { type TickingKafka, tickingKafka } from '../../../support/memory-kafka/ticking.ts';

const never = new AbortController().signal;
const GROUP = 'scorers';
const SESSION_MS = 6_000;

interface LiveCase {
  readonly exactlyOnce: boolean;
  /** Messages of each input partition. */
  readonly messages: readonly number[];
  readonly workers: number;
  readonly batchRows: number;
  readonly inFlight: number;
  readonly seed: number;
  /** At how many of the batches that are asked for something happens, and what. */
  readonly events: readonly {
    readonly batch: number;
    readonly kind: 'killed' | 'frozen' | 'joined' | 'refused' | 'unanswered';
  }[];
}

const liveCases = fc.record<LiveCase>({
  exactlyOnce: fc.boolean(),
  messages: fc.array(fc.nat(25), { minLength: 1, maxLength: 4 }),
  workers: fc.integer({ min: 1, max: 3 }),
  batchRows: fc.integer({ min: 1, max: 6 }),
  inFlight: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
  events: fc.array(
    fc.record({
      batch: fc.nat(15),
      kind: fc.constantFrom('killed', 'frozen', 'joined', 'refused', 'unanswered'),
    }),
    { maxLength: 5 },
  ),
});

/** The processes of one live job, which ends when all that is in the input is done. */
class LiveProcesses {
  readonly #world: TickingKafka;
  readonly #tested: LiveCase;
  readonly #random: () => number;
  readonly #events: LiveCase['events'][number][];
  readonly #running = new Map<KafkaClient, () => void>();
  readonly #all: Promise<void>[] = [];
  #asked = 0;

  constructor(world: TickingKafka, tested: LiveCase) {
    this.#world = world;
    this.#tested = tested;
    this.#random = seededRandom(tested.seed + 1);
    this.#events = [...tested.events];
  }

  async finish(): Promise<void> {
    for (let i = 0; i < this.#tested.workers; i += 1) this.#start();
    // Others may be started while these are waited for.
    for (const each of this.#all) await each;
  }

  #start(): void {
    const client = this.#world.kafka.client();
    const died = Promise.withResolvers<void>();
    this.#running.set(client, died.resolve);
    this.#all.push(Promise.race([this.#run(client), died.promise]).finally(() => this.#running.delete(client)));
  }

  /** As a live run does: fenced, it joins again. */
  async #run(client: KafkaClient): Promise<void> {
    for (;;) {
      try {
        return await this.#score(client);
      } catch (error) {
        if (findSluiceError(error)?.code !== 'KAFKA_FENCED') throw error;
        await this.#world.clock.sleep(1_000, never);
      }
    }
  }

  async #score(client: KafkaClient): Promise<void> {
    const { exactlyOnce, batchRows, inFlight } = this.#tested;
    const { clock } = this.#world;
    const numbers = new PartitionNumbers();
    const ports = { clock, registry: null };
    const options: TopicWriterOptions = {
      client,
      topic: 'output',
      deadLetterTopic: 'dead',
      inputOf: (partition) => numbers.partitionOf(partition),
      messages: createMessageWriter({ format: 'json' }, ports),
      mapping: { key: 'envelope', headers: 'keep', timestamp: 'keep' },
      partitioning: 'source',
      keepFailed: false,
      compression: 'none',
      clock,
    };
    await using writer = exactlyOnce
      ? createTransactionalWriter({ ...options, group: GROUP, transactionalIdPrefix: 'job', timeoutMs: 10_000 })
      : createPlainWriter(options);
    await using reader = createTopicReader({
      client,
      consumer: {
        topics: ['input'],
        readCommitted: true,
        sessionTimeoutMs: SESSION_MS,
        drainMs: 4_000,
        stuckMs: 60_000,
        bufferBytes: 1 << 20,
      },
      group: GROUP,
      start: 'earliest',
      until: 'end',
      limits: { rows: batchRows, bytes: 1 << 20, lingerMs: 5 },
      messages: () => createMessageReader({ format: 'json', columns: ['id'] }, ports),
      numbers,
      clock,
      commitOffsets: !exactlyOnce,
    });
    const delay = async (): Promise<void> => {
      this.#asked += 1;
      this.#happen();
      await clock.sleep(this.#random() * 500, never);
    };
    await score(
      {
        rows: reader,
        scored: writer,
        scorer: arithmeticScorer({ bad: (id) => id % 7 === 3, delay }),
        format: new OutputFormatSlot((intake) =>
          createOutputFormat({ ...defaultOutputSettings, passthroughColumns: ['id'] }, intake),
        ),
        meter: new StageMeter('score', clock),
        inFlightPerPartition: inFlight,
      },
      never,
    );
  }

  #happen(): void {
    const { kafka, clock } = this.#world;
    const due = this.#events.findIndex(({ batch }) => batch < this.#asked);
    if (due < 0) return;
    const [{ kind }] = this.#events.splice(due, 1) as [LiveCase['events'][number]];
    const away = new SluiceError('KAFKA_UNREACHABLE', 'a test');
    if (kind === 'refused') kafka.failNext(this.#tested.exactlyOnce ? 'transaction' : 'send', away);
    // Transactions have no such end here; a plain send is then repeated, and doubled.
    else if (kind === 'unanswered') kafka.failNext('send', away, { after: true });
    else {
      const all = [...this.#running.keys()];
      const victim = all[Math.floor(this.#random() * all.length)];
      this.#start();
      if (victim === undefined || kind === 'joined') return;
      if (kind === 'killed') {
        kafka.crash(victim);
        this.#running.get(victim)?.();
      } else {
        kafka.freeze(victim);
        // Noticed by nobody, just when its partitions are given on, or long after.
        const ms = [3_000, SESSION_MS, SESSION_MS + 50, 9_000][Math.floor(4 * this.#random())]!;
        void clock.sleep(ms, never).then(() => kafka.thaw(victim));
      }
    }
  }
}

interface Outcome {
  /** What a reader of committed records finds, by partition. */
  readonly rows: readonly (readonly string[])[];
  /** Where each dead letter was and why it is one, sorted. */
  readonly letters: readonly string[];
}

async function outcomeOf(tested: LiveCase): Promise<Outcome> {
  using world = tickingKafka(tested.seed);
  const { kafka } = world;
  const partitions = [...tested.messages.keys()];
  for (const topic of ['input', 'output']) kafka.createTopic(topic, partitions.length);
  kafka.createTopic('dead', 1);
  const producer = await kafka.client().producer({ compression: 'none' }, never);
  for (const [partition, count] of tested.messages.entries()) {
    const values = Array.from({ length: count }, (_, i) =>
      i % 11 === 5 ? 'poison' : `{"id":${1_000 * partition + i}}`,
    );
    await producer.send([{ topic: 'input', partition, records: values.map(textRecord) }], never);
  }
  await world.ending(new LiveProcesses(world, tested).finish());
  await kafka.settled();
  const rows = kafka.committed('output');
  return {
    rows: partitions.map((partition) => texts(rows.filter((each) => each.partition === partition))),
    letters: kafka.committed('dead').map(placeOf).toSorted(),
  };
}

function placeOf({ headers }: Envelope): string {
  const names = ['sluice-kind', 'sluice-partition', 'sluice-offset'];
  return names.map((name) => Buffer.from(headers.find((each) => each.name === name)!.value).toString()).join(' ');
}

describe('a live job from topic to topic', () => {
  test('gives what an undisturbed run gives, in order: once with transactions, at least once without', async () => {
    await fc.assert(
      fc.asyncProperty(liveCases, async (tested) => {
        const quiet = await outcomeOf({ ...tested, workers: 1, events: [] });
        const disturbed = await outcomeOf(tested);
        const seen = tested.exactlyOnce
          ? disturbed
          : { rows: disturbed.rows.map(firstOfEach), letters: firstOfEach(disturbed.letters) };
        expect(seen).toEqual(quiet);
        expect(quiet.rows.flat().length + quiet.letters.length).toBe(tested.messages.reduce((a, b) => a + b));
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});

function firstOfEach(all: readonly string[]): readonly string[] {
  return [...new Set(all)];
}
