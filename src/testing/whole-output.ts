import { findSluiceError } from '../core/error.ts';
import type { Sink } from '../core/sink.ts';
import type { SinkPlan } from './sink-plan.ts';

/**
 * What a run does with a sink from beginning to end: opens it, continues behind its ledger, commits after every second
 * batch, publishes. An output that a run before has finished is left as it is.
 */
export async function runWholeOutput(sink: Sink, plan: SinkPlan, signal: AbortSignal): Promise<void> {
  try {
    const ledger = await sink.open(plan.job, signal);
    for (let sequence = ledger?.sequence ?? 0; sequence < plan.size.batches; sequence += 1) {
      await sink.write(plan.batch(sequence), plan.schema, signal);
      if (sequence % 2 === 1) await sink.commit(signal);
    }
    await sink.publish(plan.facts(), plan.schema, signal);
  } catch (error) {
    if (findSluiceError(error)?.code !== 'OUTPUT_EXISTS') throw error;
  } finally {
    await sink.close();
  }
}
