import type { ModelIdentity } from '../../src/core/model.ts';
import type { OutputFormat } from '../../src/core/output-format.ts';
import type { Schema } from '../../src/core/schema.ts';
import type { Scorer } from '../../src/core/scorer.ts';
import type { Sink } from '../../src/core/sink.ts';
import { StageMeter } from '../../src/core/stage-meter.ts';
import { Announcements } from '../../src/jobs/kafka/announcements.ts';
import { JobLinks } from '../../src/jobs/kafka/job-links.ts';
import { KafkaJob } from '../../src/jobs/kafka/kafka-job.ts';
import { FailureBudget } from '../../src/stages/failure-budget.ts';
import { OutputFormatSlot } from '../../src/stages/output-format-slot.ts';
import { score } from '../../src/stages/score.ts';
import { memoryJob } from './memory-kafka/memory-job.ts';
import type { TickingKafka } from './memory-kafka/ticking.ts';
import { memorySource } from './memory-source.ts';
import { noFailureLimits } from './pipeline-runs.ts';

const never = new AbortController().signal;
const NAME = 'tested';
const AGAIN_MS = 5_000;
const job = memoryJob({ job: NAME, sessionSeconds: 4 });
const settings = job.kafka;

export interface KafkaJobRigOptions {
  readonly rows: number;
  readonly partitions: number;
  readonly batchRows: number;
  readonly mixesModels: boolean;
  /** For each run anew. */
  readonly sink: () => Sink;
  /** For each process anew. @param model what the job is announced with; left out for the run itself. */
  readonly scorer: (model?: ModelIdentity | null) => {
    readonly scorer: Scorer;
    readonly pin: { readonly model: ModelIdentity | null };
  };
  readonly format: (intake: Schema) => OutputFormat;
}

/** A bounded job over a memory Kafka: the real stages and links, with a scorer and a sink of the test's. */
export class KafkaJobRig {
  readonly #world: TickingKafka;
  readonly #options: KafkaJobRigOptions;

  constructor(world: TickingKafka, options: KafkaJobRigOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** One run of the job to its end; a run that fails dies with its process. */
  async run(): Promise<void> {
    const { kafka } = this.#world;
    const client = kafka.client();
    try {
      await this.#run(client);
    } catch (error) {
      kafka.crash(client);
      throw error;
    }
  }

  /** A worker beside the run, for as long as the cluster lives: what fails in it is tried again, as a worker does. */
  startWorker(): void {
    void this.#work().catch(() => undefined);
  }

  async #run(client: ReturnType<TickingKafka['kafka']['client']>): Promise<void> {
    const { rows, partitions, batchRows, mixesModels, format } = this.#options;
    const { clock } = this.#world;
    const source = memorySource([rows]);
    const sink = this.#options.sink();
    const identity = { intake: await source.identity(never) };
    const ledger = await sink.open(identity, never);
    const { scorer, pin } = this.#options.scorer();
    await scorer.describe(never);
    const meter = (stage: StageMeter['stage']): StageMeter => new StageMeter(stage, clock);
    const parts = {
      source,
      splits: await source.splits(never),
      sink,
      ledger,
      scorer,
      outputFormat: format,
      limits: { rows: batchRows, bytes: 1_000_000, lingerMs: 0 },
      failures: new FailureBudget(noFailureLimits),
      mixesModels,
      commits: { everyMs: 300, everyBytes: 40 },
      clock,
      meters: { ingest: meter('ingest'), score: meter('score'), deliver: meter('deliver') },
      onDelivered: () => undefined,
    };
    const place = { client, settings, job, identity, model: pin.model, overwrite: false };
    const opened = await KafkaJob.open({ ...place, parts, partitions }, never);
    const { tally, intakeBytes, schema } = await opened.run(never, never);
    await sink.publish(
      { version: 1 as const, job: identity, tally, model: null, intakeBytes, finished: '' },
      schema,
      never,
    );
    await opened.finished(never);
  }

  async #work(): Promise<void> {
    const { kafka, clock } = this.#world;
    const client = kafka.client();
    const announcements = await Announcements.open(client, settings);
    for (;;) {
      let place = await announcements.find(NAME, never);
      for (; place?.state !== 'running'; place = await announcements.find(NAME, never)) await clock.sleep(100, never);
      const links = new JobLinks(client, settings, clock, place);
      const { scorer } = this.#options.scorer(place.model);
      await scorer.describe(never);
      const { reader } = await links.rowsReader(never);
      const scored = await links.scoredWriter(never);
      const format = new OutputFormatSlot(this.#options.format);
      const stage = { rows: reader, scored, scorer, format, meter: new StageMeter('score', clock) };
      await score(stage, never).catch(() => undefined);
      await links[Symbol.asyncDispose]();
      await clock.sleep(AGAIN_MS, never);
    }
  }
}
