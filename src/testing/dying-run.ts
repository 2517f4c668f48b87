import type { Sink } from '../core/sink.ts';
import type { SinkPlan } from './sink-plan.ts';

/** Where a run dies: behind a batch that no commit followed, or behind the last commit, before the output is published. */
export type DyingMoment = 'written' | 'committed';

/** Kills this process with SIGKILL at a moment of a run. */
export async function runUntilKilled(sink: Sink, plan: SinkPlan, moment: DyingMoment): Promise<never> {
  const { signal } = new AbortController();
  const { batches } = plan.size;
  const ledger = await sink.open(plan.job, signal);
  const last = moment === 'committed' ? batches : batches - 1;
  for (let sequence = ledger?.sequence ?? 0; sequence < last; sequence += 1)
    await sink.write(plan.batch(sequence), plan.schema, signal);
  await sink.commit(signal);
  if (moment === 'written') await sink.write(plan.batch(last), plan.schema, signal);
  process.kill(process.pid, 'SIGKILL');
  // The signal is delivered before the call returns to the program.
  throw new Error('still alive');
}
