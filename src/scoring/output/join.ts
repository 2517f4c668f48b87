import { COMMA, fieldEnd, LF, QUOTE } from '../../core/canonical-csv.ts';
import { type Kernel, kernel as sharedKernel } from '../../core/kernel/kernel.ts';
import type { RowBatch } from '../../core/row-batch.ts';
import type { Scores } from '../../core/scorer.ts';
import { CONSTANT, type RecordProgram, ROW_CELLS, SCORE_CELLS, TO_END } from './record-program.ts';
import type { RowDecision } from './row-decision.ts';

/** The programs of one output: for a scored row, a scored row that is not explained, and a failed row. */
export interface JoinPlan {
  readonly scored: RecordProgram;
  readonly unexplained: RecordProgram;
  readonly failed: RecordProgram;
  /** Null when every scored row takes the same program and no label is made anew. */
  readonly decide: RowDecision | null;
  /** Bytes of the longest label. */
  readonly labelBytes: number;
  /** For failed rows whose only cell behind the predictions is the empty string; see `createOutputFormat`. */
  readonly lone: { readonly cell: number; readonly blank: RecordProgram } | null;
}

const NO_BYTES: Uint8Array = new Uint8Array(0);
/** A longer run is copied by the engine: making the view for it pays from about this many bytes on (measured). */
const SHORT_RUN = 48;
/** A scratch buffer that one huge row made larger than this is not kept. */
const SCRATCH_BYTES = 4 * 1024 * 1024;

/** Rows are joined here and then cut to size. One buffer serves all: a join does not wait. */
let scratch = new Uint8Array(0);

/**
 * Joins a batch with its scores by a plan. No allocation per row as long as no row fails and no threshold is set.
 * @param statuses the status cell of each failed row, as a canonical field.
 * @param kernel null to join without it.
 */
export function joinRows(
  plan: JoinPlan,
  batch: RowBatch,
  scores: Scores,
  statuses: readonly Uint8Array[],
  kernel: Kernel | null = sharedKernel,
): { readonly bytes: Uint8Array; readonly ends: Uint32Array; readonly release?: () => void } {
  const { rows, bytes: rowBytes, ends: rowEnds } = batch;
  const { bytes: scoreBytes, ends: scoreEnds, failures } = scores;
  if (kernel !== null && failures.length === 0 && plan.decide === null && plan.scored.words !== null) {
    const { steps, constants } = plan.scored.words;
    const room = scoreBytes.length + rowBytes.length + rows * plan.scored.overhead;
    const joined = kernel.join(batch, scores, steps, constants, room);
    if (joined !== null) return joined;
  }
  const target = roomFor(plan, batch, scores, statuses);
  const cells = new Uint32Array(Math.max(1, ...[plan.scored, plan.unexplained, plan.failed].map(cellRoom)));
  const ends = new Uint32Array(rows);
  let at = 0;
  let failure = 0;
  let failedRow = failures[0]?.row ?? -1;
  for (let row = 0; row < rows; row += 1) {
    let program = plan.scored;
    let text = NO_BYTES;
    if (row === failedRow) {
      program = plan.lone !== null && isEmptyText(batch, row, plan.lone.cell) ? plan.lone.blank : plan.failed;
      text = statuses[failure]!;
      failure += 1;
      failedRow = failures[failure]?.row ?? -1;
    } else if (plan.decide !== null) {
      const verdict = plan.decide(scores, row);
      text = verdict.label;
      if (!verdict.explained) program = plan.unexplained;
    }
    const start = at;
    const rowStart = row === 0 ? 0 : rowEnds[row - 1]!;
    const rowEnd = rowEnds[row]! - 1;
    const scoreStart = row === 0 ? 0 : scoreEnds[row - 1]!;
    const scoreEnd = scoreEnds[row]! - 1;
    const { steps, scoreCells } = program;
    findCells(scoreBytes, scoreStart, scoreCells, cells, 0);
    findCells(rowBytes, rowStart, program.rowCells, cells, scoreCells);
    for (let i = 0; i < steps.length; i += 1) {
      const { kind, first, last, bytes } = steps[i]!;
      if (i > 0) target[at++] = COMMA;
      if (kind === ROW_CELLS) {
        const from = first === 0 ? rowStart : cells[scoreCells + first - 1]! + 1;
        at = copy(rowBytes, from, last === TO_END ? rowEnd : cells[scoreCells + last]!, target, at);
      } else if (kind === SCORE_CELLS) {
        const from = first === 0 ? scoreStart : cells[first - 1]! + 1;
        at = copy(scoreBytes, from, last === TO_END ? scoreEnd : cells[last]!, target, at);
      } else {
        const source = kind === CONSTANT ? bytes : text;
        at = copy(source, 0, source.length, target, at);
      }
    }
    if (at === start) {
      target[at++] = QUOTE;
      target[at++] = QUOTE;
    }
    target[at++] = LF;
    ends[row] = at;
  }
  const bytes = target.slice(0, at);
  if (scratch.length > SCRATCH_BYTES) scratch = new Uint8Array(0);
  return { bytes, ends };
}

function cellRoom(program: RecordProgram): number {
  return program.scoreCells + program.rowCells;
}

/** Enough room for any outcome: cells are copied at most once each, the rest is counted. */
function roomFor(plan: JoinPlan, batch: RowBatch, scores: Scores, statuses: readonly Uint8Array[]): Uint8Array {
  const overhead = Math.max(plan.scored.overhead, plan.unexplained.overhead, plan.failed.overhead) + plan.labelBytes;
  let room = scores.bytes.length + batch.bytes.length + batch.rows * overhead;
  for (const status of statuses) room += status.length;
  if (scratch.length < room) scratch = new Uint8Array(room);
  return scratch;
}

/** Whether a cell of a row is `""`. */
function isEmptyText(batch: RowBatch, row: number, cell: number): boolean {
  let at = batch.start(row);
  for (let i = 0; i < cell; i += 1) at = fieldEnd(batch.bytes, at) + 1;
  return batch.bytes[at] === QUOTE && fieldEnd(batch.bytes, at) === at + 2;
}

/** Writes the ends of the first `count` cells of a record into `cells` from `base` on. */
function findCells(bytes: Uint8Array, start: number, count: number, cells: Uint32Array, base: number): void {
  let at = start;
  for (let i = 0; i < count; i += 1) {
    at = fieldEnd(bytes, at);
    cells[base + i] = at;
    at += 1;
  }
}

function copy(source: Uint8Array, from: number, to: number, target: Uint8Array, at: number): number {
  if (to - from > SHORT_RUN) {
    target.set(source.subarray(from, to), at);
    return at + to - from;
  }
  let out = at;
  for (let i = from; i < to; i += 1) target[out++] = source[i]!;
  return out;
}
