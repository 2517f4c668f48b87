import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/clock.ts';
import { findSluiceError, SluiceError } from '../../../src/core/error.ts';
import type { Source } from '../../../src/core/source.ts';
import { StageMeter } from '../../../src/core/stage-meter.ts';
import { Announcements } from '../../../src/jobs/kafka/announcements.ts';
import { JobLinks } from '../../../src/jobs/kafka/job-links.ts';
import { KafkaJob } from '../../../src/jobs/kafka/kafka-job.ts';
import type { KafkaClient } from '../../../src/links/kafka/client.ts';
import { createOutputFormat } from '../../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../../src/scoring/output/output-settings.ts';
import { FailureBudget } from '../../../src/stages/failure-budget.ts';
import { OutputFormatSlot } from '../../../src/stages/output-format-slot.ts';
import { score } from '../../../src/stages/score.ts';
import { arithmeticScorer } from '../../support/arithmetic-scorer.ts';
import { memoryJob } from '../../support/memory-kafka/memory-job.ts';
import { seededRandom } from '../../support/memory-kafka/seeded-random.ts';
import { type TickingKafka, tickingKafka } from '../../support/memory-kafka/ticking.ts';
import { MemoryStorage, memorySink } from '../../support/memory-sink.ts';
import { memorySource } from '../../support/memory-source.ts';
import { everythingMonitored, noFailureLimits, runParts } from '../../support/pipeline-runs.ts';

const never = new AbortController().signal;
const bad = (id: number): boolean => id % 7 === 3;
const job = memoryJob({ job: 'tested', sessionSeconds: 4 });
const settings = job.kafka;
const formatOf = (storage: MemoryStorage) => (intake: Parameters<typeof createOutputFormat>[1]) =>
  createOutputFormat({ ...defaultOutputSettings, passthroughColumns: ['text'] }, intake, {
    columns: storage.ledger?.columns ?? null,
  });

interface JobCase {
  readonly splits: readonly number[];
  readonly partitions: number;
  readonly batchRows: number;
  readonly seed: number;
  /** At how many of the batches that are read or scored something dies, and what; or a send is done whose answer never comes. */
  readonly deaths: readonly { readonly batch: number; readonly victim: 'run' | 'worker' | 'frozen' | 'answer' }[];
}

const jobCases = fc.record<JobCase>({
  // An intake without rows is refused.
  splits: fc.array(fc.nat(25), { minLength: 1, maxLength: 3 }).filter((splits) => splits.some((rows) => rows > 0)),
  partitions: fc.integer({ min: 1, max: 4 }),
  batchRows: fc.integer({ min: 1, max: 6 }),
  seed: fc.nat(),
  deaths: fc.array(fc.record({ batch: fc.nat(20), victim: fc.constantFrom('run', 'worker', 'frozen', 'answer') }), {
    maxLength: 4,
  }),
});

/** The processes of one job on a memory Kafka. */
class Processes {
  readonly storage = new MemoryStorage();
  readonly #world: TickingKafka;
  readonly #tested: JobCase;
  readonly #deaths: JobCase['deaths'][number][];
  #batches = 0;
  #run: KafkaClient | undefined;
  #worker: KafkaClient | undefined;

  constructor(world: TickingKafka, tested: JobCase) {
    this.#world = world;
    this.#tested = tested;
    this.#deaths = [...tested.deaths];
  }

  /** Runs the job, again after each death of its run, until it is done. */
  async finish(): Promise<void> {
    for (;;) {
      void this.#work().catch(() => undefined);
      const client = this.#world.kafka.client();
      this.#run = client;
      const dead = Promise.withResolvers<'dead'>();
      this.#died = () => dead.resolve('dead');
      const once = this.#once(client).catch((error: unknown) => {
        if (findSluiceError(error)?.code !== 'KAFKA_UNREACHABLE') throw error;
        // What was sent may be there all the same, and is sent again by the next run.
        this.#world.kafka.crash(client);
        return 'dead' as const;
      });
      if ((await Promise.race([once, dead.promise])) === 'done') return;
    }
  }

  #died: () => void = () => undefined;

  async #once(client: KafkaClient): Promise<'done' | 'dead'> {
    const { storage } = this;
    const { partitions, batchRows, splits } = this.#tested;
    const { clock } = this.#world;
    const source = this.#watched(memorySource(splits));
    const sink = memorySink(storage);
    const identity = { intake: await source.identity(never) };
    const ledger = await sink.open(identity, never);
    const meter = (stage: StageMeter['stage']): StageMeter => new StageMeter(stage, clock);
    const parts = {
      source,
      splits: await source.splits(never),
      sink,
      ledger,
      scorer: this.#scorer(clock),
      outputFormat: formatOf(storage),
      limits: { rows: batchRows, bytes: 1_000_000, lingerMs: 0 },
      failures: new FailureBudget(noFailureLimits),
      mixesModels: false,
      commits: { everyMs: 300, everyBytes: 50 },
      clock,
      meters: { ingest: meter('ingest'), score: meter('score'), deliver: meter('deliver') },
      monitor: everythingMonitored(),
      onDelivered: () => undefined,
    };
    const options = { client, settings, job, identity, model: null, overwrite: false, parts, partitions };
    const opened = await KafkaJob.open(options, never);
    const delivered = await opened.run(never, never);
    const facts = { version: 1 as const, job: identity, tally: delivered.tally, model: null };
    await sink.publish({ ...facts, intakeBytes: delivered.intakeBytes, finished: '' }, delivered.schema, never);
    await opened.finished(never);
    return 'done';
  }

  /** One more process of the score stage. */
  async #work(): Promise<void> {
    const { kafka, clock } = this.#world;
    const client = kafka.client();
    this.#worker = client;
    const announcements = await Announcements.open(client, settings);
    let place = await announcements.find('tested', never);
    for (; place?.state !== 'running'; place = await announcements.find('tested', never)) await clock.sleep(100, never);
    const links = new JobLinks(client, settings, clock, place);
    const scoring = score(
      {
        rows: (await links.rowsReader(never)).reader,
        scored: await links.scoredWriter(never),
        scorer: this.#scorer(clock),
        format: new OutputFormatSlot(formatOf(this.storage)),
        meter: new StageMeter('score', clock),
        monitor: everythingMonitored(),
      },
      never,
    );
    // It dies with its process, when its topics go, or for want of an answer.
    await scoring.catch(() => kafka.crash(client));
  }

  #watched(source: Source): Source {
    const strike = (): void => this.#strike();
    return {
      ...source,
      async *read(...reading) {
        for await (const batch of source.read(...reading)) {
          strike();
          yield batch;
        }
      },
    };
  }

  #scorer(clock: Clock) {
    const random = seededRandom(this.#tested.seed + 1);
    return arithmeticScorer({
      bad,
      delay: async () => {
        this.#strike();
        await clock.sleep(random() * 500, never);
      },
    });
  }

  #strike(): void {
    const { kafka, clock } = this.#world;
    this.#batches += 1;
    const due = this.#deaths.findIndex(({ batch }) => batch < this.#batches);
    if (due < 0) return;
    const [{ victim }] = this.#deaths.splice(due, 1) as [JobCase['deaths'][number]];
    if (victim === 'run' && this.#run !== undefined) {
      kafka.crash(this.#run);
      this.#died();
    } else if (victim === 'answer')
      kafka.failNext('send', new SluiceError('KAFKA_UNREACHABLE', 'a test'), { after: true });
    else if (this.#worker !== undefined) {
      const worker = this.#worker;
      if (victim === 'worker') kafka.crash(worker);
      else {
        kafka.freeze(worker);
        void clock.sleep(9_000, never).then(() => kafka.thaw(worker));
      }
      void this.#work().catch(() => undefined);
    }
  }
}

function lettersOf({ deadLetters }: MemoryStorage): readonly object[] {
  return deadLetters.map(({ bytes, ...letter }) => ({
    ...letter,
    envelope: undefined,
    text: new TextDecoder().decode(bytes),
  }));
}

describe('a bounded job over Kafka', () => {
  test('gives the rows of an undisturbed run, in order, the same dead letters and statistics, whatever dies on the way', async () => {
    await fc.assert(
      fc.asyncProperty(jobCases, async (tested) => {
        const quiet = new MemoryStorage();
        await runParts({
          source: memorySource(tested.splits),
          sink: memorySink(quiet),
          scorer: arithmeticScorer({ bad }),
          partitions: tested.partitions,
          batchRows: tested.batchRows,
          output: { passthroughColumns: ['text'] },
        });
        using world = tickingKafka(tested.seed);
        const processes = new Processes(world, tested);
        await world.ending(processes.finish());
        expect(processes.storage.rows).toBe(quiet.rows);
        expect(lettersOf(processes.storage)).toEqual(lettersOf(quiet));
        expect(processes.storage.published).toEqual(quiet.published);
        expect(processes.storage.ledger?.statistics).toEqual(quiet.ledger?.statistics);
        expect(quiet.ledger?.statistics?.rows).toBe(quiet.ledger?.tally.scored);
      }),
      { numRuns: 80 },
    );
  }, 60_000);
});
