import { systemClock } from '../../src/core/clock.ts';
import type { Monitor } from '../../src/core/monitor.ts';
import type { Tally } from '../../src/core/scored-batch.ts';
import type { Scorer } from '../../src/core/scorer.ts';
import type { Sink } from '../../src/core/sink.ts';
import type { Source } from '../../src/core/source.ts';
import { StageMeter } from '../../src/core/stage-meter.ts';
import { type PipelineParts, runPipeline } from '../../src/jobs/pipeline.ts';
import { createMonitor } from '../../src/monitoring/batch-monitor.ts';
import { createOutputFormat } from '../../src/scoring/output/output-format.ts';
import { defaultOutputSettings, type OutputSettings } from '../../src/scoring/output/output-settings.ts';
import type { Delivered } from '../../src/stages/delivery.ts';
import { FailureBudget, type FailureLimits } from '../../src/stages/failure-budget.ts';

export const noFailureLimits: FailureLimits = {
  abortOnError: false,
  maxShare: 1,
  maxBytes: Infinity,
  minRows: 1,
  windowRows: null,
  windowShare: 1,
};

interface RunSettings {
  readonly source: Source;
  readonly sink: Sink;
  readonly scorer: Scorer;
  readonly partitions: number;
  readonly batchRows: number;
  readonly batchBytes?: number;
  readonly output?: Partial<OutputSettings>;
  readonly failures?: FailureLimits;
  readonly mixesModels?: boolean;
  readonly commitEveryBytes?: number;
  readonly stop?: AbortSignal;
  readonly signal?: AbortSignal;
  readonly onDelivered?: (tally: Tally) => void;
}

/** What counts every row, without a baseline. */
export function everythingMonitored(): Monitor {
  return createMonitor({ statistics: { baseline: null, every: 1 }, associationId: 'id' });
}

const never = new AbortController().signal;

/** Opens the parts, runs the pipeline as a job does, and publishes when it is complete. */
export async function runParts(settings: RunSettings): Promise<Delivered> {
  const { source, sink, stop = never, signal = never } = settings;
  const job = { intake: await source.identity(signal) };
  const ledger = await sink.open(job, signal);
  const meter = (stage: StageMeter['stage']): StageMeter => new StageMeter(stage, systemClock);
  const parts: PipelineParts = {
    source,
    splits: await source.splits(signal),
    sink,
    ledger,
    scorer: settings.scorer,
    outputFormat: (intake) =>
      createOutputFormat({ ...defaultOutputSettings, ...settings.output }, intake, {
        columns: ledger?.columns ?? null,
      }),
    partitions: settings.partitions,
    limits: { rows: settings.batchRows, bytes: settings.batchBytes ?? 1_000_000, lingerMs: 0 },
    failures: new FailureBudget(settings.failures ?? noFailureLimits),
    mixesModels: settings.mixesModels ?? false,
    commits: { everyMs: Infinity, everyBytes: settings.commitEveryBytes ?? Infinity },
    clock: systemClock,
    meters: { ingest: meter('ingest'), score: meter('score'), deliver: meter('deliver') },
    monitor: everythingMonitored(),
    onDelivered: settings.onDelivered ?? (() => undefined),
  };
  const delivered = await runPipeline(parts, stop, signal);
  if (delivered.complete) {
    const facts = {
      version: 1 as const,
      job,
      tally: delivered.tally,
      model: null,
      intakeBytes: delivered.intakeBytes,
      finished: '',
    };
    await sink.publish(facts, delivered.schema, signal);
  }
  return delivered;
}
