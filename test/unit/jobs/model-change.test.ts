import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findSluiceError } from '../../../src/core/error.ts';
import type { ModelIdentity } from '../../../src/core/model.ts';
import { fixedLimiter } from '../../../src/scoring/limiter/fixed-limiter.ts';
import type { OnModelChange } from '../../../src/scoring/model-pin.ts';
import { createOutputFormat } from '../../../src/scoring/output/output-format.ts';
import { defaultOutputSettings } from '../../../src/scoring/output/output-settings.ts';
import { withPolicies } from '../../../src/scoring/scorer-stack.ts';
import { KafkaJobRig } from '../../support/kafka-job-rig.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { type TickingKafka, tickingKafka } from '../../support/memory-kafka/ticking.ts';
import { MemoryStorage, memorySink } from '../../support/memory-sink.ts';
import { memorySource } from '../../support/memory-source.ts';
import { noFailureLimits, runParts } from '../../support/pipeline-runs.ts';
import { predictionOf, type ReplicaModel, replicaSet } from '../../support/replica-set.ts';

const never = new AbortController().signal;
const output = { ...defaultOutputSettings, includeModelVersion: true, passthroughColumns: ['id'] };
const bad = (id: number): boolean => id % 11 === 4;

interface ChangeCase {
  readonly policy: OnModelChange;
  readonly rows: number;
  readonly batchRows: number;
  readonly partitions: number;
  /** What answers one request after the other; after these `a` where the job has to be scored with it, else the two in turn. */
  readonly answers: readonly ReplicaModel[];
  /** The model that the job was created with, while it waited in a queue. */
  readonly pinned: ReplicaModel | null;
  readonly describes: ReplicaModel | null;
  /** After so many commits the run is killed, and begun again; over Kafka with what its topics hold. */
  readonly killedAt: number | null;
}

const model = fc.constantFrom('a', 'b' as const);
/** Any answers, or one model after the other, or the two in turn. */
const answers = fc.oneof(
  fc.array(model, { maxLength: 60 }),
  fc.tuple(fc.nat(20), fc.nat(30)).map(([a, b]): ReplicaModel[] => [...Array(a).fill('a'), ...Array(b).fill('b')]),
  fc.nat(60).map((length) => Array.from({ length }, (_, i): ReplicaModel => (i % 2 === 0 ? 'b' : 'a'))),
);
const changeCases = fc.record<ChangeCase>({
  policy: fc.constantFrom('abort', 'pause', 'record'),
  rows: fc.integer({ min: 1, max: 60 }),
  batchRows: fc.integer({ min: 1, max: 12 }),
  partitions: fc.integer({ min: 1, max: 3 }),
  answers,
  pinned: fc.constantFrom('a', null),
  describes: fc.constantFrom('a', null),
  killedAt: fc.option(fc.integer({ min: 1, max: 4 })),
});

class Killed extends Error {}

/** One job, its processes, and what they leave. */
class Changes {
  readonly storage = new MemoryStorage();
  readonly pauses: string[] = [];
  /** The models of the requests of every batch that was handed to the sink. */
  readonly tested: ChangeCase;
  readonly #set: ReturnType<typeof replicaSet>;
  #commits = 0;

  constructor(tested: ChangeCase) {
    this.tested = tested;
    const { answers, describes, pinned } = tested;
    const isKnown = pinned !== null || describes !== null;
    // In no order: by turns, two processes that wait for their models could meet the other one's for ever.
    const isFirst = (request: number): boolean => ((Math.imul(request, 2_654_435_761) >>> 16) & 1) === 0;
    const after = (request: number): ReplicaModel => (isKnown || isFirst(request) ? 'a' : 'b');
    this.#set = replicaSet({ modelOf: (request) => answers[request] ?? after(request), bad, describes });
  }

  /** As a process makes it: its pin is what the output holds, else what the job was created with. */
  scorer(clock: ManualClock, pinned?: ModelIdentity | null) {
    const { policy, pinned: created } = this.tested;
    const known = pinned ?? this.storage.ledger?.model ?? (created === null ? null : { id: created });
    const pin = { model: known };
    const settings = { numConcurrent: 3, onModelChange: policy };
    const onPause = (reason: Error): number => this.pauses.push(reason.message);
    const ports = { clock, limiter: fixedLimiter(3), pin, target: 'a test', onPause };
    return { pin, scorer: withPolicies(this.#set.scorer(), settings, ports).rows };
  }

  sink() {
    const { killedAt } = this.tested;
    const sink = memorySink(this.storage);
    return {
      ...sink,
      commit: async (signal: AbortSignal) => {
        const ledger = await sink.commit(signal);
        this.#commits += 1;
        if (this.#commits === killedAt) throw new Killed();
        return ledger;
      },
    };
  }

  /** Every row that is there was scored by the model that it names; a batch, by one. */
  check(outcome: string): void {
    const { rows, batchRows, policy, pinned } = this.tested;
    const lines = this.storage.rows.split('\n').slice(0, -1);
    const models = lines.map((line, id) => {
      const [prediction, name, own] = line.split(',');
      expect(own).toBe(String(id));
      if (bad(id)) expect([prediction, name]).toEqual(['', '']);
      else expect(Number(prediction)).toBe(predictionOf(name as ReplicaModel, id));
      return name!;
    });
    for (let from = 0; from < lines.length; from += batchRows) {
      const own = new Set(models.slice(from, from + batchRows).filter((name) => name !== ''));
      expect(own.size).toBeLessThanOrEqual(1);
    }
    const seen = new Set(models.filter((name) => name !== ''));
    if (policy !== 'record') expect(seen.size).toBeLessThanOrEqual(1);
    if (policy !== 'record' && pinned !== null) expect([...seen]).toEqual(seen.size === 0 ? [] : [pinned]);
    if (outcome !== 'done') {
      expect(outcome).toBe('MODEL_CHANGED');
      return;
    }
    expect(lines).toHaveLength(rows);
    const ledger = this.storage.ledger!;
    const counted = ledger.models?.map(({ model: { id }, rows: count }) => [id, count]) ?? null;
    const counts = [...seen].map((name) => [name, models.filter((other) => other === name).length]);
    expect(counted).toEqual(counts.length > 1 ? counts : null);
    if (seen.size > 0) expect(ledger.model).toEqual({ id: [...seen][0] });
  }
}

async function untilDone(run: () => Promise<void>): Promise<string> {
  for (;;) {
    try {
      await run();
      return 'done';
    } catch (error) {
      if (error instanceof Killed) continue;
      const code = findSluiceError(error)?.code;
      if (code === undefined) throw error;
      return code;
    }
  }
}

/** What a job may come to: with `record` and `pause` it is done, whatever answers. */
function expectEnd({ policy }: ChangeCase, outcome: string): void {
  if (policy !== 'abort') expect(outcome).toBe('done');
}

const direct = async (tested: ChangeCase): Promise<[Changes, string]> => {
  const changes = new Changes(tested);
  const clock = new ManualClock();
  const stop = clock.autoAdvance();
  const { rows, partitions, batchRows, policy } = tested;
  const outcome = await untilDone(async () => {
    const { scorer } = changes.scorer(clock);
    await scorer.describe(never);
    const source = memorySource([rows]);
    const parts = { source, sink: changes.sink(), scorer, partitions, batchRows, output, commitEveryBytes: 40 };
    await runParts({ ...parts, failures: noFailureLimits, mixesModels: policy === 'record' });
  });
  stop();
  return [changes, outcome];
};

describe('in one process', () => {
  test('an output has rows of one model, whatever answers, unless the change was to be recorded; then each batch has', async () => {
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(changeCases, async (tested) => {
        const [changes, outcome] = await direct(tested);
        changes.check(outcome);
        expectEnd(tested, outcome);
        ends.add(`${tested.policy} ${outcome}${changes.storage.ledger?.models === undefined ? '' : ' of two'}`);
      }),
      { numRuns: 400 },
    );
    expect([...ends].toSorted()).toEqual([
      'abort MODEL_CHANGED',
      'abort done',
      'pause done',
      'record done',
      'record done of two',
    ]);
  }, 60_000);

  const steady = { rows: 30, batchRows: 5, partitions: 1, pinned: null, describes: 'a', killedAt: null } as const;

  test.each(['abort', 'pause', 'record'] as const)('replaced while the job is queued, with %s', async (policy) => {
    const [changes, outcome] = await direct({ ...steady, policy, pinned: 'a', answers: Array(12).fill('b') });
    changes.check(outcome);
    const { rows, ledger } = changes.storage;
    if (policy === 'abort') expect([outcome, rows]).toEqual(['MODEL_CHANGED', '']);
    if (policy === 'pause')
      expect(changes.pauses[0]).toBe(
        'Model b answered, but this job is scored with a. It waits until that model answers again.',
      );
    if (policy === 'record') expect(ledger!.models!.map(({ model: { id } }) => id)).toEqual(['b', 'a']);
  });

  test.each(['abort', 'pause', 'record'] as const)(
    'replaced between a kill and the next run, with %s',
    async (policy) => {
      const answers: ReplicaModel[] = [];
      const tested = { ...steady, policy, answers, killedAt: 2 };
      // As many answers of the first model as the killed run has asked for.
      const [first] = await direct({ ...tested, policy: 'record' });
      expect(first.storage.ledger!.models).toBeUndefined();
      answers.push(...Array(6).fill('a'), ...Array(8).fill('b'));
      const [changes, outcome] = await direct(tested);
      changes.check(outcome);
      expectEnd(tested, outcome);
      if (policy === 'abort') expect(outcome).toBe('MODEL_CHANGED');
      if (policy === 'record') expect(changes.storage.ledger!.models).toHaveLength(2);
    },
  );
});

/** The run of a job over topics, and a worker beside it that lives as long as the cluster. */
async function overKafka(world: TickingKafka, tested: ChangeCase): Promise<[Changes, string]> {
  const changes = new Changes(tested);
  const { rows, partitions, batchRows, policy } = tested;
  const job = new KafkaJobRig(world, {
    rows,
    partitions,
    batchRows,
    mixesModels: policy === 'record',
    sink: () => changes.sink(),
    scorer: (model) => changes.scorer(world.clock, model),
    format: (intake) => createOutputFormat(output, intake, { columns: changes.storage.ledger?.columns ?? null }),
  });
  job.startWorker();
  return [changes, await untilDone(() => job.run())];
}

describe('over Kafka, with a worker', () => {
  test('an output has rows of one model, also where no process knew it beforehand, unless the change was to be recorded', async () => {
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(changeCases, async (tested) => {
        using world = tickingKafka();
        const [changes, outcome] = await world.ending(overKafka(world, tested));
        changes.check(outcome);
        // Two processes that begin with different models know nothing of each other; what they wrote is never joined.
        const known = tested.pinned !== null || tested.describes !== null;
        if (known || tested.policy === 'record') expectEnd(tested, outcome);
        ends.add(`${tested.policy} ${outcome}`);
      }),
      { numRuns: 120 },
    );
    for (const end of ['abort MODEL_CHANGED', 'abort done', 'pause done', 'record done']) expect(ends).toContain(end);
  }, 60_000);
});
