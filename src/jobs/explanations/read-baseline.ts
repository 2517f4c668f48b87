import { decodeRecord } from '../../core/canonical-csv.ts';
import { SluiceError } from '../../core/error.ts';
import type { Json } from '../../core/json.ts';
import { columnNames, type Schema } from '../../core/schema.ts';
import type { Source, Split } from '../../core/source.ts';
import { type BaselineSample, copiesPerBaselineRow } from '../../scoring/explanations/baseline-sample.ts';
import { CHOICE_COPIES } from '../../scoring/explanations/choose-baseline.ts';
import { nameList, nearestNames } from '../../scoring/output/nearest-name.ts';
import type { JobDescription } from '../description/parse-job.ts';
import { type EndpointPorts, openSource } from '../open-endpoints.ts';
import { occludes } from './occlusion-of.ts';

/** An intake that can be read again. */
export interface OpenedIntake {
  readonly source: Source;
  /** As `source.identity` gave it; null for one that comes only once. */
  readonly identity: Json;
  readonly splits: readonly Split[];
}

type Row = readonly (string | null)[];

/** The rows that a sample is spread over. */
const POOL_ROWS = 10_000;
const POOL_BYTES = 16_000_000;
/** A job over Kafka tells its workers of the sample, in one message. */
const SAMPLE_BYTES = 512 * 1024;
const MOST_KEPT = 1_000;
const LIMITS = { rows: 1_000, bytes: 1_000_000, lingerMs: Number.POSITIVE_INFINITY };

/**
 * The job with its baseline rows, if it explains rows itself: of `explanation.baseline`, else the beginning of its intake. The same intake or
 * baseline gives the same rows on every run.
 *
 * Throws CONFIG_INVALID when there are none or explaining would cost too much, COLUMN_UNKNOWN for columns that they do not have.
 * @param intake null for a topic without an end.
 */
export async function withBaseline(
  job: JobDescription,
  intake: OpenedIntake | null,
  ports: EndpointPorts,
  signal: AbortSignal,
): Promise<JobDescription> {
  if (!occludes(job)) return job;
  const { baseline: given } = job.explanation;
  if (given !== null) {
    await using source = openSource({ ...job, intakeSettings: given }, { ...ports, keepsNothing: true });
    await source.identity(signal);
    return { ...job, baseline: await readSample(job, source, await source.splits(signal), signal) };
  }
  if (intake === null || intake.identity === null || job.intakeSettings.type === 'kafka') {
    throw new SluiceError(
      'CONFIG_INVALID',
      'explanationAlgorithm: occlusion needs explanation.baseline (a file or dataset) for an intake that cannot be read twice: ' +
        'a topic, a stream or standard input.',
    );
  }
  return { ...job, baseline: await readSample(job, intake.source, intake.splits, signal) };
}

async function readSample(
  job: JobDescription,
  source: Source,
  splits: readonly Split[],
  signal: AbortSignal,
): Promise<BaselineSample> {
  const { schema, rows: pool } = await readPool(source, splits, signal);
  const columns = schema === null ? [] : columnNames(schema);
  if (pool.length === 0) {
    throw new SluiceError(
      'CONFIG_INVALID',
      'There are no baseline rows to explain by; give a file or dataset that has some in explanation.baseline.',
    );
  }
  const features = featuresOf(job, columns);
  const { maxCopies, baselineRows } = job.explanation;
  const each = copiesPerBaselineRow(features.length);
  const chosen = Math.min(baselineRows, Math.floor(maxCopies / each), pool.length);
  if (chosen === 0) {
    throw new SluiceError(
      'CONFIG_INVALID',
      `explanation.maxCopies is ${maxCopies}, but a row with ${features.length} columns takes ${each} copies for a single baseline row. ` +
        'Name the columns that the model uses in explanation.columns, or raise it.',
    );
  }
  const kept = keptRows(pool, features.length, chosen);
  const rows = Array.from({ length: kept }, (_, i) => pool[Math.floor((i * pool.length) / kept)]!);
  const sample: BaselineSample = { columns, features, rows, chosen };
  const bytes = sizeOf(rows);
  if (bytes <= SAMPLE_BYTES) return sample;
  throw new SluiceError(
    'CONFIG_INVALID',
    `${kept} baseline rows take ${bytes} bytes, and ${SAMPLE_BYTES} are allowed; lower explanation.baselineRows, or give a baseline with ` +
      'fewer columns.',
  );
}

/** Rows that the choice is made among: at the most a thousand, no more than it may cost and workers can be told of. */
function keptRows(pool: readonly Row[], features: number, chosen: number): number {
  const affordable = Math.min(MOST_KEPT, pool.length, Math.max(2 * chosen, Math.floor(CHOICE_COPIES / features)));
  const share = SAMPLE_BYTES / Math.max(1, sizeOf(pool));
  return Math.max(chosen, Math.min(affordable, Math.floor(pool.length * share)));
}

function sizeOf(rows: readonly Row[]): number {
  return Buffer.byteLength(JSON.stringify(rows));
}

async function readPool(source: Source, splits: readonly Split[], signal: AbortSignal) {
  let schema: Schema | null = null;
  let bytes = 0;
  const rows: Row[] = [];
  const isFull = (): boolean => rows.length >= POOL_ROWS || bytes >= POOL_BYTES;
  for (const split of splits) {
    for await (const batch of source.read(split, null, LIMITS, signal)) {
      if (batch.rows > 0) schema ??= batch.schema;
      for (let row = 0; row < batch.rows && !isFull(); row += 1) {
        rows.push(decodeRecord(batch.bytes, batch.start(row), batch.ends[row]!));
        bytes += batch.ends[row]! - batch.start(row);
      }
      batch.release();
      if (isFull()) break;
    }
    if (isFull()) break;
  }
  return { schema, rows };
}

function featuresOf({ explanation, deployment }: JobDescription, columns: readonly string[]): readonly string[] {
  const asked = explanation.columns;
  const unknown = asked?.find((name) => !columns.includes(name));
  if (unknown !== undefined) {
    const near = nearestNames(unknown, columns);
    throw new SluiceError(
      'COLUMN_UNKNOWN',
      `explanation.columns names "${unknown}", which the baseline rows do not have; ` +
        (near.length > 0 ? `did you mean ${nameList(near)}?` : `they have ${nameList(columns)}.`),
    );
  }
  const features = columns.filter((name) => asked?.includes(name) ?? name !== deployment.associationId);
  if (features.length > 0) return features;
  throw new SluiceError('CONFIG_INVALID', 'There is no column to explain by beside the association ID.');
}
