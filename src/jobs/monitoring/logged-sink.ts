import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { canonicalJson } from '../../core/json.ts';
import type { JobIdentity } from '../../core/ledger.ts';
import type { Sink } from '../../core/sink.ts';
import { PredictionLog } from '../../monitoring/prediction-log.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { outputName } from '../open-endpoints.ts';

/** The sink of a job; with the log of its predictions where the job keeps them. */
export function loggedSink(job: JobDescription, sink: Sink, clock: Clock): Sink {
  if (!keepsPredictions(job)) return sink;
  return withPredictionLog(sink, { open: (identity, from) => openPredictionLog(job, identity, from), clock });
}

/** Whether a job keeps its predictions by association ID. */
function keepsPredictions({ predictionLog, skipDriftTracking }: JobDescription): boolean {
  return predictionLog !== null && !skipDriftTracking;
}

/**
 * The log of a job that keeps its predictions.
 * @param identity of the job that writes the output. @param from the first sequence that the output does not have; infinite: it has all.
 */
export async function openPredictionLog(
  job: JobDescription,
  identity: JobIdentity,
  from: number,
): Promise<PredictionLog> {
  // The same on every run of a job, another for the same intake and another output.
  const key = createHash('sha256')
    .update(canonicalJson({ identity, output: outputName(job) }))
    .digest('hex')
    .slice(0, 32);
  const { name } = identity;
  const logged = { deployment: job.deployment.id, key, name: typeof name === 'string' ? name : null };
  return await PredictionLog.open(job.predictionLog!, logged, from);
}

interface LogPorts {
  /** @param from the first sequence that the output does not have. */
  readonly open: (job: JobIdentity, from: number) => Promise<PredictionLog>;
  readonly clock: Clock;
}

/**
 * A sink that keeps the predictions of what it writes by association ID. They are committed first: a crash between the two leaves
 * predictions that the output's ledger does not have, and the next `open` removes them.
 */
function withPredictionLog(sink: Sink, { open, clock }: LogPorts): Sink {
  let log: PredictionLog | null = null;
  const close = async (): Promise<void> => {
    log?.close();
    log = null;
    await sink.close();
  };
  return {
    guarantee: sink.guarantee,
    check: (signal) => sink.check(signal),
    async open(identity, signal) {
      const ledger = await sink.open(identity, signal);
      log = await open(identity, ledger?.sequence ?? 0);
      return ledger;
    },
    async write(batch, schema, signal) {
      const { sequence, associations } = batch;
      await sink.write(batch, schema, signal);
      if (associations !== undefined) log?.add(sequence, associations, clock.wall());
    },
    async commit(signal) {
      log?.commit();
      return await sink.commit(signal);
    },
    async publish(facts, schema, signal) {
      log?.commit();
      const manifest = await sink.publish(facts, schema, signal);
      log?.prune();
      return manifest;
    },
    async discard() {
      await sink.discard();
      log?.forget();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
