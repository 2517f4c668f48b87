import { SluiceError } from './error.ts';
import { canonicalJson, type Json, sameJson } from './json.ts';
import { addStatistics } from './merge-statistics.ts';
import { addModelRows, type ModelIdentity, type ModelRows } from './model.ts';
import type { IntakePosition } from './position.ts';
import { type Column, sameColumns } from './schema.ts';
import { addTally, EMPTY_TALLY, type ScoredBatch, type Tally } from './scored-batch.ts';
import type { Statistics } from './statistics.ts';

/**
 * What makes two runs the same job: the intake as it was found, the deployment, and each setting that shapes the
 * output. Named parts, so that a refusal can say which differ. Holds no secret and nothing that may change on a
 * continuation (concurrency, retry, progress).
 */
export interface JobIdentity {
  readonly [part: string]: Json;
}

/**
 * What an output keeps about what it holds durably; it lives with the output, never in a place of its own. Batches are
 * delivered in sequence, so `sequence` is at once the next sequence of every partition.
 */
export interface Ledger {
  readonly version: 1;
  readonly job: JobIdentity;
  /** Batches below this sequence are durable in the output. */
  readonly sequence: number;
  /** Where the intake continues; null when nothing is durable yet. */
  readonly through: IntakePosition | null;
  readonly tally: Tally;
  readonly intakeBytes: number;
  readonly badBytes: number;
  /** The output's column names; null while no reply has shown them. */
  readonly columns: readonly string[] | null;
  /** The model that all rows so far are from, or the first of them where `models` says so; null where the server does not say. */
  readonly model: ModelIdentity | null;
  /** Where rows of several models were asked for and came: how many are of each, as far as replies name their model. */
  readonly models?: readonly ModelRows[];
  /** The columns of the rows that failed, once one has; null where they had several sets of columns. Dead letters hold these rows. */
  readonly intake?: readonly Column[] | null;
  /** Of the rows that are durable; only where a job is monitored. */
  readonly statistics?: Statistics;
  /** The sink's own record of what it holds (lengths, checksums, upload parts); opaque to the engine. */
  readonly holds: Json;
}

/** The ledger of an output that holds nothing yet. */
export function freshLedger(job: JobIdentity): Ledger {
  return {
    version: 1,
    job,
    sequence: 0,
    through: null,
    tally: EMPTY_TALLY,
    intakeBytes: 0,
    badBytes: 0,
    columns: null,
    model: null,
    holds: null,
  };
}

/** The `models` of a ledger once `batch` is held, too; undefined as long as there is but one. */
export function modelsAfter(
  { models, model, tally }: Pick<Ledger, 'model' | 'tally'> & { readonly models?: Ledger['models'] | undefined },
  batch: Pick<ScoredBatch, 'model' | 'tally'>,
): readonly ModelRows[] | undefined {
  if (batch.model === null || batch.tally.scored === 0) return models;
  const known = models ?? (model === null ? [] : [{ model, rows: tally.scored }]);
  const counts = addModelRows(known, batch.model, batch.tally.scored);
  return counts.length > 1 ? counts : undefined;
}

/** The `intake` of a ledger once `batch` is held, too; undefined as long as no row has failed. */
export function intakeAfter(
  before: Ledger['intake'] | undefined,
  { intake, tally }: Pick<ScoredBatch, 'intake' | 'tally'>,
): Ledger['intake'] | undefined {
  if (tally.failed === 0) return before;
  if (before === undefined) return intake.columns;
  return before !== null && sameColumns({ columns: before }, intake) ? before : null;
}

/** The ledger once `batch`, the next one, is held, too; `holds` stays for the sink to say. */
export function ledgerAfter(ledger: Ledger, batch: ScoredBatch, columns: readonly string[]): Ledger {
  const models = modelsAfter(ledger, batch);
  const intake = intakeAfter(ledger.intake, batch);
  const statistics = addStatistics(ledger.statistics, batch.statistics);
  return {
    ...ledger,
    ...(models === undefined ? {} : { models }),
    ...(intake === undefined ? {} : { intake }),
    sequence: batch.sequence + 1,
    through: batch.through,
    tally: addTally(ledger.tally, batch.tally),
    intakeBytes: ledger.intakeBytes + batch.intakeBytes,
    badBytes: ledger.badBytes + batch.badBytes,
    columns: ledger.columns ?? columns,
    model: ledger.model ?? batch.model,
    ...(statistics === undefined ? {} : { statistics }),
  };
}

/** What a finished output says of itself; `sluice verify` checks the output against it. */
export interface Manifest {
  readonly version: 1;
  readonly job: JobIdentity;
  readonly tally: Tally;
  readonly columns: readonly string[];
  readonly model: ModelIdentity | null;
  /** Where rows are of several models: how many of each, as far as replies name their model. */
  readonly models?: readonly ModelRows[];
  /** Of the rows, where the job was monitored. */
  readonly statistics?: Statistics;
  readonly intakeBytes: number;
  /** The columns of the rows that failed, as `Ledger.intake`. */
  readonly intake?: readonly Column[] | null;
  /** ISO 8601, UTC. */
  readonly finished: string;
  /** What was written, each with its size in bytes, its rows (or lines) and its checksum. */
  readonly objects: readonly ManifestObject[];
  /** The columns that the rows are divided by into folders, and that their objects leave out; only where there are such. */
  readonly partitionColumns?: readonly string[];
  /** Names of objects of the output that this one took the place of, which do not count any more. */
  readonly replaced?: readonly string[];
}

/** The checksum itself, in hex, of whatever kind. */
export function digestText(digest: ObjectDigest | RowsDigest): string {
  if ('sha256' in digest) return digest.sha256;
  return 'sha256Tree' in digest ? digest.sha256Tree : digest.sha256Chain;
}

export type ManifestObject = (ObjectDigest | RowsDigest) & {
  readonly role: 'rows' | 'deadLetters';
  /** Relative to the manifest. */
  readonly name: string;
  readonly bytes: number;
  readonly records: number;
};

/**
 * What the bytes of an object are known by, in hex: SHA-256 of all of them, or, where a continuation cannot read again what was written, the
 * tree of SHA-256 that Amazon defined for Glacier (leaves of 1 MiB).
 */
export type ObjectDigest = { readonly sha256: string } | { readonly sha256Tree: string };

/** Of the rows of a table, which cannot be read back as they were written: a chain of SHA-256, each of the one before and of the next batch. */
export interface RowsDigest {
  readonly sha256Chain: string;
}

/** Throws LEDGER_OTHER_JOB, naming each part that differs, unless the two jobs are the same. */
export function assertSameJob(found: JobIdentity, wanted: JobIdentity, output: string): void {
  if (sameJson(found, wanted)) return;
  const differences = jobDifferences(found, wanted);
  throw new SluiceError(
    'LEDGER_OTHER_JOB',
    `${output} holds an interrupted run of another job (${differences.join('; ')}). ` +
      'Undo the change, choose another output, or start anew with --overwrite.',
    { held: found },
  );
}

/** The parts in which two jobs differ, each with what it was and is; for messages. */
export function jobDifferences(found: JobIdentity, wanted: JobIdentity): readonly string[] {
  return [...new Set([...Object.keys(found), ...Object.keys(wanted)])]
    .filter((part) => !sameJson(found[part] ?? null, wanted[part] ?? null))
    .map((part) => `${part}: was ${short(found[part])}, is ${short(wanted[part])}`);
}

function short(value: Json | undefined): string {
  const text = value === undefined ? 'not set' : canonicalJson(value);
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}
