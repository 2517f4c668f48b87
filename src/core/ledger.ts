import { SluiceError } from './error.ts';
import { canonicalJson, type Json, sameJson } from './json.ts';
import { addStatistics } from './merge-statistics.ts';
import type { ModelIdentity } from './model.ts';
import type { IntakePosition } from './position.ts';
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
  /** The model that all rows so far are from, where the server says so. */
  readonly model: ModelIdentity | null;
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

/** The ledger once `batch`, the next one, is held, too; `holds` stays for the sink to say. */
export function ledgerAfter(ledger: Ledger, batch: ScoredBatch, columns: readonly string[]): Ledger {
  const statistics = addStatistics(ledger.statistics, batch.statistics);
  return {
    ...ledger,
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
  /** Of the rows, where the job was monitored. */
  readonly statistics?: Statistics;
  readonly intakeBytes: number;
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
  const differences = [...new Set([...Object.keys(found), ...Object.keys(wanted)])]
    .filter((part) => !sameJson(found[part] ?? null, wanted[part] ?? null))
    .map((part) => `${part}: was ${short(found[part])}, is ${short(wanted[part])}`);
  throw new SluiceError(
    'LEDGER_OTHER_JOB',
    `${output} holds an interrupted run of another job (${differences.join('; ')}). ` +
      'Undo the change, choose another output, or start anew with --overwrite.',
    { held: found },
  );
}

function short(value: Json | undefined): string {
  const text = value === undefined ? 'not set' : canonicalJson(value);
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}
