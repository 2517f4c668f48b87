import { RowBatch } from '../../core/row-batch.ts';
import type { Scorer } from '../../core/scorer.ts';
import { type ExplainedValues, explainedValues } from './explained-value.ts';
import type { Perturbation, PerturbedRow } from './perturbation.ts';
import type { Steps } from './strengths.ts';

/** A row that is explained. */
export interface ExplainedRow {
  /** Index in the batch. */
  readonly row: number;
  /** Whose probability is explained; null for a prediction that is a number. */
  readonly label: string | null;
  /** The prediction, or that probability. */
  readonly prediction: number;
}

/** The predictions of all copies of a row. */
export interface RowOutcome {
  readonly row: ExplainedRow;
  readonly fields: PerturbedRow;
  /** By copy; NaN where the server gave none. */
  readonly values: readonly number[];
  readonly steps: Steps;
}

export interface CopyLimits {
  /** Rows, and bytes of canonical CSV, of one request at the most; one copy may be larger. */
  readonly rows: number;
  readonly bytes: number;
  /** Requests of one batch at once, at the most. */
  readonly concurrent: number;
}

interface PendingRow extends RowOutcome {
  readonly values: number[];
  /** Copies without an outcome yet. */
  pending: number;
  isWritten: boolean;
}

/** Copies that go into one request, and whose each is. */
interface Request {
  readonly batch: RowBatch;
  readonly copies: readonly { readonly of: PendingRow; readonly index: number }[];
}

/**
 * Scores the copies of rows, those of neighbouring rows together in requests of the usual size. At any time there are as many requests in
 * memory as are under way, whatever a row has in copies. A copy that the server refuses has no value; all other errors reject.
 */
export async function scoreCopies(
  scorer: Scorer,
  batch: RowBatch,
  rows: readonly ExplainedRow[],
  options: {
    readonly perturbation: Perturbation;
    readonly limits: CopyLimits;
    readonly onRequest: (copies: number) => void;
    readonly onRow: (outcome: RowOutcome) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { perturbation, limits, onRequest, onRow } = options;
  const finish = (row: PendingRow): void => {
    if (row.isWritten && row.pending === 0) onRow(row);
  };
  const requests = requestsOf(batch, rows, perturbation, limits, finish);
  const failing = new AbortController();
  const all = AbortSignal.any([signal, failing.signal]);
  const work = async (): Promise<void> => {
    // One generator for all: each takes the next request when it is free.
    for (const { batch: copies, copies: targets } of requests) {
      const scores = await scorer.score(copies, all);
      const failed = new Set(scores.failures.map(({ row }) => row));
      const values: ExplainedValues | null = scores.columns.length === 0 ? null : explainedValues(scores.columns);
      for (const [i, { of, index }] of targets.entries()) {
        of.values[index] = values === null || failed.has(i) ? Number.NaN : values.valueOf(scores, i, of.row.label);
        of.pending -= 1;
        finish(of);
      }
      onRequest(targets.length);
      scores.release?.();
    }
  };
  const workers = Array.from({ length: limits.concurrent }, work);
  for (const worker of workers) worker.catch((error: unknown) => failing.abort(error));
  await Promise.allSettled(workers);
  signal.throwIfAborted();
  if (failing.signal.aborted) throw failing.signal.reason;
}

function* requestsOf(
  batch: RowBatch,
  rows: readonly ExplainedRow[],
  perturbation: Perturbation,
  limits: CopyLimits,
  onWritten: (row: PendingRow) => void,
): Generator<Request, void> {
  let bytes = new Uint8Array(limits.bytes);
  let length = 0;
  let ends: number[] = [];
  let copies: { of: PendingRow; index: number }[] = [];
  const cut = (): Request => {
    const request = {
      batch: RowBatch.fromCsv(perturbation.schema, ORIGIN, bytes.subarray(0, length), Uint32Array.from(ends)),
      copies,
    };
    [bytes, length, ends, copies] = [new Uint8Array(limits.bytes), 0, [], []];
    return request;
  };
  for (const row of rows) {
    const fields = perturbation.row(batch, row.row);
    const of: PendingRow = { row, fields, values: [], steps: perturbation.steps(), pending: 0, isWritten: false };
    const room = perturbation.room(fields);
    for (const copy of perturbation.copies(fields, of.steps)) {
      if (length > 0 && (length + room > limits.bytes || ends.length >= limits.rows)) yield cut();
      if (room > bytes.length) bytes = new Uint8Array(room);
      length = perturbation.write(fields, copy, bytes, length);
      ends.push(length);
      copies.push({ of, index: of.values.length });
      of.values.push(Number.NaN);
      of.pending += 1;
    }
    of.isWritten = true;
    onWritten(of);
  }
  if (length > 0) yield cut();
}

/** Copies are no rows of any source. */
const ORIGIN = { split: 'copies', firstRow: 0, after: null, position: null, rejected: [] };
