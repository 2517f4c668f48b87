import { compressionOf, compressMember } from '../../codecs/compression.ts';
import type { Clock } from '../../core/clock.ts';
import { findSluiceError, messageOf } from '../../core/error.ts';
import type { DeploymentDescription } from '../../core/scorer.ts';
import { nameList } from '../../scoring/output/nearest-name.ts';
import { createScorer, type ScorerStack } from '../../scoring/scorer-stack.ts';
import { assertInputs, unusedColumns } from '../../scoring/wires/model-inputs.ts';
import { BatchSizing } from '../batch-sizing.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { freeBytes, localPaths, nearestFolder } from '../doctor/examine-disk.ts';
import { batchRowsOf, unexplained } from '../explanations/occlusion-of.ts';
import { withBaseline } from '../explanations/read-baseline.ts';
import { boundedIntake } from '../kafka/bounded-intake.ts';
import { openCluster } from '../kafka/cluster.ts';
import { openSource } from '../open-endpoints.ts';
import { assertPartitionColumns } from '../partitioned-output.ts';
import { scorerSettingsOf } from '../scoring-settings.ts';
import { type Continuation, continuationOf } from './continuation.ts';
import { type ExplanationCost, explainedShare, explanationCost } from './explanation-cost.ts';
import { type Estimate, estimateIntake, exactly, type IntakeEstimate, scaled } from './intake-estimate.ts';
import { type IntakeSample, type SampleLimits, sampleIntake } from './intake-sample.ts';
import { describedColumns, repliedColumns } from './output-columns.ts';
import { type Risk, risksOf } from './risks.ts';
import { type TimedRequest, timeAtRate, timeFromSample } from './time-estimate.ts';

export interface PlanOptions {
  readonly clock: Clock;
  readonly sample: SampleLimits;
  /** Sends some rows of the sample to the prediction server. */
  readonly scoreSample: boolean;
  /** Rows per second; null: from the sample that was scored, if one was. */
  readonly rate: number | null;
  readonly signal: AbortSignal;
}

/** What a job would do. Null where nobody can tell beforehand. */
export interface JobPlan extends IntakeEstimate {
  readonly splits: number;
  readonly columns: readonly string[];
  readonly sampled: { readonly rows: number; readonly csvBytes: number; readonly whole: boolean };
  readonly requests: Estimate | null;
  readonly requestBytes: number;
  readonly requestRows: number;
  /** What explanations cost beside it; null for a job that makes none itself. */
  readonly explanation: ExplanationCost | null;
  readonly outputColumns: readonly string[] | null;
  readonly outputBytes: Estimate | null;
  readonly milliseconds: Estimate | null;
  readonly continuation: Continuation;
  readonly risks: readonly Risk[];
  /** What could not be found out, and why. */
  readonly notes: readonly string[];
}

/** Rows of the two requests of a scored sample. */
const SCORED_ROWS = [5, 50] as const;
/** About a prediction, with its comma or line end. */
const CELL_BYTES = 12;

/** Looks at a job and its intake before it is run. Reads a bounded sample; writes nothing anywhere. */
export async function planJob(described: JobDescription, options: PlanOptions): Promise<JobPlan> {
  const { clock, signal, rate } = options;
  await using cluster = described.kafka === null ? null : await openCluster(described.kafka, clock);
  const job = await boundedIntake(described, cluster);
  const streams = { input: process.stdin, output: process.stdout };
  const ports = { streams, cluster, clock, overwrite: false, keepsNothing: true } as const;
  await using source = openSource(job, ports);
  const sample = await sampleIntake(source, job, options.sample, clock, signal);
  const given = await withBaseline(described, { source, ...sample }, { ...ports, cluster: null }, signal);
  const intake = estimateIntake(sample, await packedBytes(job, sample));
  const notes: string[] = [];
  const server = await askServer(given, sample, options, notes);
  const sizing = new BatchSizing({ ...job, chunkRows: batchRowsOf(given) });
  const requests = requestsOf(intake, sizing, sample.splits.length);
  const continuation = await continuationOf(given, sample.identity);
  const left = intake.rows === null ? null : minus(intake.rows, continuation.rows);
  const outputBytes = outputBytesOf(sample, intake, server.columns);
  const rowBytes = sample.rows === 0 ? null : sample.csvBytes / sample.rows;
  const explain = (rows: Estimate): ExplanationCost | null =>
    explanationCost(given, rows, rowBytes ?? 0, server.explainedShare);
  const cost = left === null ? null : explain(left);
  const sent = left === null || cost === null ? left : plus(left, cost.copies);
  const asked = requests === null || cost === null ? requests : plus(requests, cost.requests);
  const milliseconds =
    sent === null || asked === null
      ? null
      : rate !== null
        ? timeAtRate(sent, rate)
        : timeFromSample(sent, asked, server.timed, job.numConcurrent);
  if (milliseconds === null && left !== null)
    notes.push('how long it takes is not known: give --rate, or --score-sample to measure some requests');
  const folder = localPaths(given)[0];
  const facts = {
    columns: columnsOf(sample).length,
    rowBytes,
    largestRow: Math.max(0, ...sample.batches.map(({ bytes, rows }) => (rows === 1 ? bytes.length : 0))),
    requestBytes: sizing.bytes,
    partitions: job.intakeSettings.type === 'kafka' ? sample.splits.length : null,
    outputBytes,
    freeBytes: folder === undefined ? null : await freeBytes(nearestFolder(folder)),
    rejected: sample.rejected,
    rows: sample.rows,
  };
  if (server.columns !== null) assertPartitionColumns(given, server.columns);
  return {
    ...intake,
    splits: sample.splits.length,
    columns: columnsOf(sample),
    sampled: { rows: sample.rows, csvBytes: sample.csvBytes, whole: sample.isWhole },
    requests,
    requestBytes: sizing.bytes,
    requestRows: sizing.rows,
    explanation: intake.rows === null ? null : explain(intake.rows),
    outputColumns: server.columns,
    outputBytes,
    milliseconds,
    continuation,
    risks: risksOf(given, facts),
    notes,
  };
}

/** The rows of the sample as they would be stored, for intakes that are compressed. */
async function packedBytes(
  { intakeSettings: intake }: JobDescription,
  { batches, splits }: IntakeSample,
): Promise<number | null> {
  const wanted = 'compression' in intake ? intake.compression : 'none';
  const compression = wanted === 'auto' ? compressionOf(splits[0]?.id ?? '') : wanted;
  if (compression === 'none') return null;
  // bzip2 can be read only; it packs a little better than gzip.
  const known = compression === 'bzip2' ? 'gzip' : compression;
  return (await compressMember(known, Buffer.concat(batches.map(({ bytes }) => bytes)))).length;
}

function columnsOf({ batches }: IntakeSample): readonly string[] {
  return batches[0]?.schema.columns.map(({ name }) => name) ?? [];
}

interface Asked {
  readonly columns: readonly string[] | null;
  readonly timed: readonly TimedRequest[];
  /** Of the rows that were scored. */
  readonly explainedShare: number | null;
}

/** What the server says, and takes. That it does not answer spoils no plan. */
async function askServer(
  job: JobDescription,
  sample: IntakeSample,
  options: PlanOptions,
  notes: string[],
): Promise<Asked> {
  const { clock, signal, scoreSample } = options;
  // A row with its copies would say nothing of the cost of either.
  const [address, settings] = scorerSettingsOf(job.baseline === null ? job : unexplained(job), null);
  const retry = { budgetMs: 0, connectBudgetMs: 0, pauseOnAccess: false };
  const stack = createScorer(address, { ...settings, retry }, { clock });
  await using scorer = stack.scorer;
  const [first] = sample.batches;
  let description: DeploymentDescription = {};
  try {
    description = await scorer.describe(signal);
  } catch (error) {
    signal.throwIfAborted();
    notes.push(`the prediction server: ${messageOf(reasonOf(error))}`);
    return { columns: null, timed: [], explainedShare: null };
  }
  if (first === undefined) return { columns: null, timed: [], explainedShare: null };
  const inputs = description.inputs ?? [];
  assertInputs(`deployment ${address.id}`, inputs, first);
  const unused = unusedColumns(inputs, first.schema);
  if (unused.length > 0) notes.push(`the model takes nothing from ${nameList(unused)}`);
  if (scoreSample) return await scoreRows(job, stack, sample, options);
  const columns = describedColumns(job, first.schema, description);
  if (columns === null)
    notes.push('the server does not describe its deployment: --score-sample shows the output columns');
  return { columns, timed: [], explainedShare: null };
}

/** One request that nobody counts, as it opens the connection, and two that are timed. */
async function scoreRows(
  job: JobDescription,
  { scorer }: ScorerStack,
  { batches }: IntakeSample,
  { clock, signal }: PlanOptions,
): Promise<Asked> {
  const largest = batches.toSorted((a, b) => b.rows - a.rows)[0]!;
  const warm = largest.slice(0, 1);
  let columns = repliedColumns(job, warm, await scorer.score(warm, signal));
  const timed: TimedRequest[] = [];
  let share: number | null = null;
  for (const wanted of SCORED_ROWS) {
    const batch = largest.slice(0, Math.min(wanted, largest.rows));
    const began = clock.now();
    const scores = await scorer.score(batch, signal);
    timed.push({ rows: batch.rows, milliseconds: clock.now() - began });
    columns ??= repliedColumns(job, batch, scores);
    if (scores.columns.length > 0) share = explainedShare(job, batch, scores);
  }
  return { columns, timed, explainedShare: share };
}

function reasonOf(error: unknown): unknown {
  const known = findSluiceError(error);
  return known?.code === 'RETRY_BUDGET_SPENT' ? (known.cause ?? known) : error;
}

function requestsOf({ rows, csvBytes }: IntakeEstimate, sizing: BatchSizing, splits: number): Estimate | null {
  if (rows === null || csvBytes === null) return null;
  const figure = (which: keyof Estimate): number =>
    rows[which] === 0
      ? 0
      : Math.max(splits, Math.ceil(csvBytes[which] / sizing.bytes), Math.ceil(rows[which] / sizing.rows));
  return { least: figure('least'), likely: figure('likely'), most: figure('most') };
}

/** Copied columns are as wide as in the sample, predictions of a usual width. */
function outputBytesOf(
  { batches, rows: sampled }: IntakeSample,
  { rows }: IntakeEstimate,
  columns: readonly string[] | null,
): Estimate | null {
  if (rows === null || columns === null || sampled === 0) return null;
  const names = batches[0]!.schema.columns.map(({ name }) => name);
  let copied = 0;
  for (const record of batches.flatMap((batch) => batch.records()))
    for (const [index, value] of record.entries())
      if (columns.includes(names[index]!)) copied += Buffer.byteLength(String(value ?? '')) + 1;
  const made = columns.filter((name) => !names.includes(name)).length;
  return scaled(rows, copied / sampled + made * CELL_BYTES);
}

function plus(a: Estimate, b: Estimate): Estimate {
  return { least: a.least + b.least, likely: a.likely + b.likely, most: a.most + b.most };
}

function minus({ least, likely, most }: Estimate, done: number): Estimate {
  if (least === most) return exactly(Math.max(0, likely - done));
  return { least: Math.max(0, least - done), likely: Math.max(0, likely - done), most: Math.max(0, most - done) };
}
